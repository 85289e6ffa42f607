/**
 * How fast the library's own matrix products are at the three forms that training needs: the rate that whole
 * training steps are held against.
 */
import {
  type Device,
  type Executable,
  input,
  ops,
  Random,
  type SymbolicTensor,
} from '../src/index.ts';
import { layOutParameters } from '../src/schedule/parameter-layout.ts';
import { schedule } from '../src/schedule/schedule.ts';
import { planLimits } from '../src/training/plan-limits.ts';
import { formatMs, formatNumber } from './format.ts';
import type { Limits } from './limits.ts';

/**
 * Layout of the operands of C [m, n] = A·B, which sum over k: `NN` A [m, k], B [k, n], as in the gradient of
 * a layer's input; `NT` A [m, k], B [n, k], as in a layer forward; `TN` A [k, m], B [k, n], as in the gradient
 * of its weight.
 */
export type MatmulForm = 'NN' | 'NT' | 'TN';

/** Sizes of a product. */
export interface MatmulSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** What one product reached. */
export interface MatmulRate extends MatmulSize {
  readonly form: MatmulForm;
  /** 2·m·n·k over the best time of the launches that multiply. */
  readonly gflops: number;
  /** The same over the middle time. */
  readonly medianGflops: number;
  /** Best time of the launches that multiply. */
  readonly ms: number;
  /** Best time of the launches that only copy: transposing an operand. Not part of `gflops`. */
  readonly copyMs: number;
  readonly dispatches: number;
}

/** Rates of the library's products on one device. */
export interface MatmulRates {
  readonly rates: readonly MatmulRate[];
  readonly best: MatmulRate;
  /** `clock` where the adapter has no timestamps: times then hold copies and submits as well. */
  readonly timedBy: 'timestamps' | 'clock';
}

/** Square results, sums of 256 to 2048 terms. */
export const matmulSizes: readonly MatmulSize[] = [
  { m: 512, n: 512, k: 256 },
  { m: 256, n: 256, k: 512 },
  { m: 256, n: 256, k: 1024 },
  { m: 256, n: 256, k: 2048 },
];

const forms: readonly MatmulForm[] = ['NN', 'NT', 'TN'];
const label = 'product';

/** A product as a graph: C, and the shapes of the inputs a and b. */
function buildProduct(form: MatmulForm, { m, n, k }: MatmulSize) {
  const shapes = { NN: [m, k, k, n], NT: [m, k, n, k], TN: [k, m, k, n] }[form];
  const [a, b] = [input('a', shapes.slice(0, 2)), input('b', shapes.slice(2))];
  if (form === 'NT') return { a, b, c: ops.linear(a, b, undefined, label) };
  // The gradients of y [r, o] = x [r, i]·w [o, i]ᵀ: dx = dy·w, and dw = dyᵀ·x.
  const x = form === 'NN' ? input('x', [m, n]) : b;
  const w = form === 'NN' ? b : input('w', [m, n]);
  const y = ops.linear(x, w, undefined, label);
  const [c] = ops.differentiate(y, [form === 'NN' ? x : w], a);
  return { a, b, c: c as SymbolicTensor };
}

interface Prepared extends MatmulSize {
  readonly form: MatmulForm;
  readonly executable: Executable;
  readonly samples: { ms: number; copyMs: number }[];
}

/**
 * Measures products of every form, in turns. Each is checked against sums in float64 first.
 *
 * @param options - `sizes`, by default {@link matmulSizes}; `repetitions`, by default 5.
 * @throws {Error} naming the product and the element that is wrong.
 */
export async function measureMatmul(
  device: Device,
  options: { readonly sizes?: readonly MatmulSize[]; readonly repetitions?: number } = {},
): Promise<MatmulRates> {
  const { sizes = matmulSizes, repetitions = 5 } = options;
  const prepared: Prepared[] = [];
  try {
    for (const size of sizes) {
      for (const form of forms) prepared.push(await prepare(device, form, size));
    }
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const { executable, samples } of prepared) {
        samples.push(await timeProduct(device, executable));
      }
    }
    const rates = prepared.map(describe);
    const best = rates.reduce((fastest, rate) => (rate.gflops > fastest.gflops ? rate : fastest));
    return { rates, best, timedBy: hasTimestamps(device) ? 'timestamps' : 'clock' };
  } finally {
    for (const { executable } of prepared) executable.dispose();
  }
}

/** The product of {@link makeMatmulGauge}: of those above one of the fastest on SwiftShader. */
export const gauged = { form: 'NN', m: 256, n: 256, k: 2048 } as const;

/**
 * Makes a product that tells how fast the machine is at the moment: software adapters change their speed by
 * half within minutes, and a step is to be held against what ran beside it.
 *
 * @returns what measures it: the best of three times, in GFLOP/s.
 */
export function makeMatmulGauge(device: Device): () => Promise<number> {
  let prepared: Promise<Prepared> | undefined;
  return async () => {
    prepared ??= prepare(device, gauged.form, gauged);
    const { executable } = await prepared;
    let best = Number.POSITIVE_INFINITY;
    for (let time = 0; time < 3; time++) {
      const { ms } = await timeProduct(device, executable);
      best = Math.min(best, ms);
    }
    return rateOf(gauged, best);
  };
}

async function prepare(device: Device, form: MatmulForm, size: MatmulSize): Promise<Prepared> {
  const { a, b, c } = buildProduct(form, size);
  const plan = schedule(
    {
      name: `${form} ${size.m}×${size.n}×${size.k}`,
      parameters: layOutParameters([]),
      outputs: new Map([['c', c]]),
    },
    { limits: planLimits(device) },
  );
  const executable = await device.compile(plan, new Map(), { poison: true });
  const random = new Random(1, size.k);
  const draw = ({ size: count }: SymbolicTensor) =>
    Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
  const [left, right] = [draw(a), draw(b)];
  executable.write('a', left);
  executable.write('b', right);
  executable.run();
  check(form, size, left, right, await executable.read('c'));
  return { ...size, form, executable, samples: [] };
}

/** Holds the corners and some elements between them against sums in float64. */
function check(
  form: MatmulForm,
  { m, n, k }: MatmulSize,
  a: Float32Array,
  b: Float32Array,
  c: ArrayLike<number>,
): void {
  const random = new Random(2, k);
  for (let trial = 0; trial < 64; trial++) {
    const row = trial < 4 ? (trial >> 1) * (m - 1) : Math.floor(random.uniform() * m);
    const column = trial < 4 ? (trial & 1) * (n - 1) : Math.floor(random.uniform() * n);
    let sum = 0;
    for (let term = 0; term < k; term++) {
      const left = form === 'TN' ? a[term * m + row] : a[row * k + term];
      const right = form === 'NT' ? b[column * k + term] : b[term * n + column];
      sum += (left as number) * (right as number);
    }
    const value = c[row * n + column] as number;
    // k roundings of sums that reach √k: factors are within ±1.
    if (Math.abs(value - sum) <= 2 ** -24 * k * Math.sqrt(k)) continue;
    throw new Error(
      `matmul ${form} [${m}, ${n}, ${k}]: element [${row}, ${column}] is ${value}, expected ${sum}.`,
    );
  }
}

function hasTimestamps(device: Device): boolean {
  return device.features.has('timestamp-query');
}

function timeProduct(device: Device, executable: Executable) {
  return hasTimestamps(device) ? timeByStamps(executable) : timeByClock(executable);
}

/** GFLOP/s of a product that takes so long. */
function rateOf({ m, n, k }: MatmulSize, ms: number): number {
  return (2 * m * n * k) / ms / 1e6;
}

async function timeByStamps(executable: Executable): Promise<{ ms: number; copyMs: number }> {
  const times = await executable.time({ repeats: 1 });
  const sum = { ms: 0, copyMs: 0 };
  for (const [index, { ms }] of times?.entries() ?? []) {
    const multiplies = (executable.plan.launches[index]?.cost.flops ?? 0) > 0;
    sum[multiplies ? 'ms' : 'copyMs'] += ms;
  }
  return sum;
}

async function timeByClock(executable: Executable): Promise<{ ms: number; copyMs: number }> {
  const repeats = 4;
  const start = performance.now();
  executable.run({ repeats });
  await executable.finished();
  return { ms: (performance.now() - start) / repeats, copyMs: 0 };
}

function describe({ form, m, n, k, executable, samples }: Prepared): MatmulRate {
  const sorted = samples.map(({ ms }) => ms).sort((first, second) => first - second);
  const ms = sorted[0] as number;
  const middle = sorted[sorted.length >> 1] as number;
  return {
    form,
    m,
    n,
    k,
    ms,
    gflops: rateOf({ m, n, k }, ms),
    medianGflops: rateOf({ m, n, k }, middle),
    copyMs: Math.min(...samples.map(({ copyMs }) => copyMs)),
    dispatches: executable.plan.launches.length,
  };
}

/** Rates as text: a line per product, and the best beside what the adapter can do. */
export function describeMatmul({ rates, best, timedBy }: MatmulRates, limits: Limits): string {
  const lines = rates.map((rate) => {
    const size = `matmul ${rate.form} ${rate.m}×${rate.n}, K ${rate.k}`.padEnd(38);
    const speeds = [rate.gflops, rate.medianGflops].map((value) => formatNumber(value).padStart(8));
    const copies = rate.copyMs > 0 ? `, and ${formatMs(rate.copyMs)} of copies` : '';
    return `  ${size} ${speeds.join(' ')} GFLOP/s, ${formatMs(rate.ms)}${copies}`;
  });
  const share = (100 * best.gflops) / limits.rolledGflops;
  const note =
    `  best own matmul ${formatNumber(best.gflops)} GFLOP/s (${best.form}, K ${best.k}), ` +
    `${share.toFixed(0)} % of the rolled loop; timed by ${timedBy}`;
  return [...lines, note].join('\n');
}
