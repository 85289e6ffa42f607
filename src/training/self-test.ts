import type { Device } from '../device/device.ts';
import { ParityError } from '../errors.ts';
import type { Precision, Strategy } from '../graph/operator.ts';
import { fill } from '../graph/sources.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import type { ShapeSource } from '../graph/tunable.ts';
import { linear, oneHot } from '../layers/basic.ts';
import { model } from '../layers/model.ts';
import { gru, lstm, rnn } from '../layers/recurrent.ts';
import { differentiate } from '../ops/differentiate.ts';
import type { MatmulSubject } from '../ops/matmul-tunable.ts';
import { apartShape } from '../ops/recurrence-apart.ts';
import type { RecurrenceSubject } from '../ops/recurrence-tunable.ts';
import { softmaxCrossEntropy } from '../ops/softmax-cross-entropy.ts';
import { largestMagnitude, tolerance } from '../reference/tolerance.ts';
import type { Plan } from '../schedule/plan.ts';
import { initializeParameters } from './initialize.ts';
import { planLimits } from './plan-limits.ts';
import { runGraph } from './run-graph.ts';
import { layoutOf } from './training-graph.ts';

/** What a self-test found. */
export interface SelfTestResult {
  readonly ms: number;
  /** Tensors that were compared. */
  readonly tensors: number;
  /** The largest deviation as a share of its tolerance. */
  readonly worst: { readonly tensor: string; readonly ratio: number };
}

/** What is computed. */
interface Trial {
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  /** Whether it goes on to logits and a loss, and back to the weights of the input. */
  readonly isWhole: boolean;
}

const VOCABULARY = 6;
/** Few and short kernels, as software adapters build them one after another while the trainer's wait. */
const SHORT: Trial = { steps: 5, batch: 3, hidden: 5, isWhole: false };
/** The same in fours, like sums of plans whose products are apart: those then share the large pipeline. */
const APART: Trial = { steps: 4, batch: 4, hidden: 8, isWhole: false };
const TINY: Trial = { steps: 5, batch: 3, hidden: 9, isWhole: true };
/** Enough for what kernels do on GPUs only: slices of a unit's sum, and products whose sums are in parts. */
const LARGER: Trial = { steps: 35, batch: 30, hidden: 40, isWhole: true };

type Results = Record<Precision, WeakMap<Device, Promise<SelfTestResult>>>;

/** Results by device, while a test runs and once it is passed: a device is not tested again then. */
const results: Record<'whole' | 'short' | 'apart', Results> = {
  whole: { f32: new WeakMap(), f16: new WeakMap() },
  short: { f32: new WeakMap(), f16: new WeakMap() },
  apart: { f32: new WeakMap(), f16: new WeakMap() },
};

/**
 * Computes small networks forward and backward on a device and compares them with the reference: an LSTM with
 * the `persistent` and a reset-before GRU with the `stepwise` recurrence; tiny ones on a software adapter. Well
 * under a second; done once per device and precision.
 *
 * @throws {ParityError} naming the tensor, index and values where the device is wrong.
 */
export function selfTest(device: Device, precision: Precision = 'f32'): Promise<SelfTestResult> {
  return remember(results.whole, device, precision, () => {
    const trial = device.info.software || precision === 'f16' ? TINY : LARGER;
    const layers = {
      persistent: lstm(trial.hidden),
      stepwise: gru(trial.hidden, { reset: 'before' }),
    };
    return run(
      (['persistent', 'stepwise'] as const).map(
        (strategy) => () => compare(device, layers[strategy], { strategy }, precision, trial),
      ),
    );
  });
}

/**
 * What a trainer tests of its device: the same, but on a software adapter no more than the states of an RNN and the
 * gradients of its recurrent weights, by kernels of the kind that the plan has.
 *
 * @throws {ParityError} like {@link selfTest}.
 */
export function testForTraining(
  device: Device,
  precision: Precision,
  plan: Plan,
): Promise<SelfTestResult> {
  const isTested = results.whole[precision].has(device);
  if (isTested || !device.info.software) return selfTest(device, precision);
  const apart = shapesApart(device, plan);
  const [strategy, trial] = apart
    ? (['stepwise', APART] as const)
    : (['persistent', SHORT] as const);
  return remember(results[apart ? 'apart' : 'short'], device, precision, () =>
    run([() => compare(device, rnn(trial.hidden), { strategy, tuning: apart }, precision, trial)]),
  );
}

/** Shapes of a plan whose recurrences all have their products apart, for a small one of the same kernels. */
function shapesApart(device: Device, { launches }: Plan): ShapeSource | undefined {
  const product = launches.find(({ kernel }) => kernel === 'matmul')?.constants;
  const kernels = new Set<string>(launches.map(({ kernel }) => kernel));
  if (!product || !kernels.has('recurrence-forward-cell') || kernels.has('recurrence-forward')) {
    return undefined;
  }
  return (tunable) => {
    const { kernel, subject, builtIn, refuse } = tunable;
    const own =
      kernel === 'matmul'
        ? {
            ...{ rows: product.rows, columns: product.columns, spreads: product.spreads },
            ...{ lanesM: product.lanes_m, lanesN: product.lanes_n, slices: product.slices },
            ...{ stageK: product.stage_k, splitK: (subject as MatmulSubject).k },
          }
        : apartShape(planLimits(device), (subject as RecurrenceSubject).attributes);
    const shape = { ...builtIn, ...own };
    return refuse(shape) === undefined ? { shape, reason: 'as in the plan' } : undefined;
  };
}

function remember(
  known: Results,
  device: Device,
  precision: Precision,
  test: () => Promise<SelfTestResult>,
): Promise<SelfTestResult> {
  let result = known[precision].get(device);
  if (result) return result;
  result = test();
  known[precision].set(device, result);
  // What fails may be short of memory only, so it is tried again.
  result.catch(() => known[precision].delete(device));
  return result;
}

async function run(begin: readonly (() => Promise<Comparison>)[]): Promise<SelfTestResult> {
  const start = performance.now();
  const trials = begin.map((trial) => trial());
  // Where one fails the other still holds memory until it is done.
  await Promise.allSettled(trials);
  const found = await Promise.all(trials);
  const tensors = found.reduce((sum, { count }) => sum + count, 0);
  const worst = found.map((one) => one.worst).reduce((a, b) => (a.ratio > b.ratio ? a : b));
  return { ms: performance.now() - start, tensors, worst };
}

interface Comparison {
  /** Tensors that were compared. */
  readonly count: number;
  readonly worst: SelfTestResult['worst'];
}

async function compare(
  device: Device,
  layer: (x: SymbolicTensor) => SymbolicTensor,
  kernels: { readonly strategy: Strategy; readonly tuning?: ShapeSource | undefined },
  precision: Precision,
  { steps, batch, hidden, isWhole }: Trial,
): Promise<Comparison> {
  const encode = oneHot(VOCABULARY);
  const head = linear(VOCABULARY);
  const network = model(({ tokens }) => {
    const states = layer(encode(tokens as SymbolicTensor));
    return isWhole ? head(states) : states;
  });
  const type = { shape: [steps, batch], dtype: 'i32' } as const;
  const traced = network.trace({ tokens: type, targets: type });
  const output = traced.outputs.output as SymbolicTensor;
  const goal = isWhole
    ? softmaxCrossEntropy(output, traced.inputs.targets as SymbolicTensor)
    : output;
  const entries = [...traced.parameters].filter(([name]) => isWhole || !name.includes('weight_ih'));
  const gradients = differentiate(
    goal,
    entries.map(([, { tensor }]) => tensor),
    // Training scales f16 gradients away from its least numbers, too.
    fill(goal.shape, isWhole && precision === 'f16' ? 2 ** 12 : 1),
  );
  const outputs = new Map([[isWhole ? 'loss' : 'states', goal]]);
  for (const [index, [name]] of entries.entries()) {
    const gradient = gradients[index];
    if (gradient) outputs.set(`gradient of ${name}`, gradient);
  }
  const draw = (offset: number) =>
    Int32Array.from({ length: steps * batch }, (_none, i) => (i * i + offset) % VOCABULARY);
  const request = {
    outputs,
    ...kernels,
    precision,
    inputs: new Map([
      ['tokens', draw(0)],
      ['targets', draw(1)],
    ]),
    parameters: new Map(
      [...initializeParameters(layoutOf(traced), 1)].map(([name, values]) => [
        name,
        Float32Array.from(values),
      ]),
    ),
  };
  const [got, expected] = await Promise.all([
    runGraph(device, request),
    runGraph('reference', request),
  ]);
  let worst = { tensor: '', ratio: 0 };
  for (const [name, want] of expected) {
    const have = got.get(name);
    const magnitude = largestMagnitude(want);
    const bound = tolerance({ steps, fanIn: 4 * hidden, magnitude, precision });
    for (let index = 0; index < want.length; index++) {
      const ratio = Math.abs((have?.[index] as number) - (want[index] as number)) / bound;
      if (!(ratio <= 1)) {
        throw new ParityError(
          `self-test of ${device.describe()}: ${name} at ${index} is ${have?.[index]}, expected ` +
            `${want[index]} (${kernels.strategy} recurrence). This adapter or driver computes wrong results; ` +
            'update the driver, or request another adapter.',
        );
      }
      if (ratio > worst.ratio) worst = { tensor: name, ratio };
    }
  }
  return { count: expected.size, worst };
}
