/**
 * What an adapter can do at best, measured: the yardstick that results are held against. The numbers are
 * checked as they are taken: a probe whose results are wrong is an error and not a rate.
 */
import { formatNumber } from './format.ts';
import { LimitsError } from './limits-probes.ts';
import { findAmount, ProbeRig, spreadOf } from './limits-rig.ts';
import { type PreparedProbe, prepareProbes } from './limits-runs.ts';

export { type Floor, floorOf, type WorkTotals } from './limits-floor.ts';
export { LimitsError };

/** One probe of {@link Limits} as it was measured. */
export interface LimitProbe {
  readonly name: string;
  readonly unit: string;
  /** Of the fastest repetition. */
  readonly best: number;
  /** Of the middle repetition: far from `best` where the machine was busy. */
  readonly median: number;
}

/** What an adapter can do. Every number is the best of several repetitions, the round trip's the middle. */
export interface Limits {
  /** Threads in lockstep: the adapter's smallest subgroup; 4 where it does not say. */
  readonly subgroupSize: number;
  /** Multiply-adds in a loop with few instructions, vec4, 4 to 8 accumulators; 2 FLOP each. */
  readonly rolledGflops: number;
  /** Multiply-adds in a long unrolled loop, scalar, 8 to 12 accumulators. */
  readonly unrolledGflops: number;
  /** A 32-bit load of a whole subgroup from cached storage, all cores busy. */
  readonly storageLoadNs: number;
  /** The same from workgroup memory. */
  readonly workgroupLoadNs: number;
  /** Copies between large buffers, bytes read and bytes written together. */
  readonly copyGBps: number;
  /** A dispatch of one thread that depends on the one before. */
  readonly dispatchUs: number;
  /** A barrier of 64 threads, with the one access to workgroup memory that it orders. */
  readonly barrierNs: number;
  /** A submit until its bytes are read back. */
  readonly roundTripMs: number;
  /** Whether kernels were timed by the GPU's timestamps, else by the clock less a round trip. */
  readonly hasTimestamps: boolean;
  readonly measuredMs: number;
  readonly probes: readonly LimitProbe[];
}

/** How much care {@link measureLimits} takes. */
export interface LimitsOptions {
  /** Most timed runs of each probe, default 16. The probes take turns. */
  readonly repetitions?: number;
  /** Length of a run, default 4 ms: short ones find moments when nothing else runs. */
  readonly targetMs?: number;
  /** Gets all that is waited for, so that the thread can leave the cores to the adapter. */
  readonly rest?: (work: Promise<unknown>) => void;
}

/** Where runs must be long, as readbacks are slow, there are fewer of them. */
const secondsPerProbe = 0.3;

/**
 * Measures what a device can do, in a few seconds. Uses nothing of the library, so that its mistakes cannot
 * be the library's.
 *
 * @param gpu - Any WebGPU device. Nothing is left on it.
 * @throws {LimitsError} if a probe computed something wrong or the device reported an error.
 */
export async function measureLimits(gpu: GPUDevice, options: LimitsOptions = {}): Promise<Limits> {
  const start = performance.now();
  const rig = new ProbeRig(gpu, options.rest ?? (() => undefined));
  for (const filter of ['validation', 'out-of-memory', 'internal'] as const) {
    gpu.pushErrorScope(filter);
  }
  let outcome: Omit<Limits, 'measuredMs'> | undefined;
  let failure: unknown;
  try {
    outcome = await runProbes(rig, options);
  } catch (error) {
    failure = error;
  } finally {
    rig.dispose();
  }
  for (let scope = 0; scope < 3; scope++) {
    const error = await gpu.popErrorScope();
    if (error) failure = new LimitsError(`limits: ${error.message}`, { cause: failure });
  }
  if (failure !== undefined || !outcome) throw failure;
  return { ...outcome, measuredMs: performance.now() - start };
}

async function runProbes(
  rig: ProbeRig,
  { repetitions = 16, targetMs = 4 }: LimitsOptions,
): Promise<Omit<Limits, 'measuredMs'>> {
  const trip = await rig.measureRoundTrip(2 * repetitions);
  const subgroupSize = rig.gpu.adapterInfo?.subgroupMinSize || 4;
  const prepared = await prepareProbes(rig, subgroupSize);
  // Without timestamps a round trip's jitter is part of every time.
  const leastSeconds = rig.hasTimestamps ? 0 : 8 * trip.median;
  const targetSeconds = Math.max(targetMs / 1e3, leastSeconds);
  const turns = Math.min(repetitions, Math.max(3, Math.ceil(secondsPerProbe / targetSeconds)));

  const runs: { probe: PreparedProbe; amount: number; seconds: number[] }[] = [];
  for (const probe of prepared) {
    const amount = await findAmount(probe.run, { ...probe, targetSeconds });
    runs.push({ probe, amount, seconds: [] });
  }
  for (let turn = 0; turn < turns; turn++) {
    for (const { probe, amount, seconds } of runs) seconds.push(await probe.run(amount));
  }
  const best = new Map<PreparedProbe['kind'], number>();
  const probes: LimitProbe[] = [
    { name: 'round trip', unit: 'ms', best: 1e3 * trip.best, median: 1e3 * trip.median },
  ];
  for (const { probe, amount, seconds } of runs) {
    await probe.check(amount);
    const spread = spreadOf(seconds);
    const value = probe.convert(spread.best / amount);
    const { name, unit, kind, isRate } = probe;
    probes.push({ name, unit, best: value, median: probe.convert(spread.median / amount) });
    const known = best.get(kind) ?? value;
    best.set(kind, isRate ? Math.max(known, value) : Math.min(known, value));
  }
  const take = (kind: PreparedProbe['kind']): number => best.get(kind) as number;
  return {
    subgroupSize,
    rolledGflops: take('rolled'),
    unrolledGflops: take('unrolled'),
    storageLoadNs: take('storage'),
    workgroupLoadNs: take('workgroup'),
    copyGBps: take('copy'),
    dispatchUs: take('dispatch'),
    barrierNs: take('barrier'),
    roundTripMs: 1e3 * trip.median,
    hasTimestamps: rig.hasTimestamps,
    probes,
  };
}

/** Limits as text: a line per probe, best and middle repetition. */
export function describeLimits({
  probes,
  subgroupSize,
  hasTimestamps,
  measuredMs,
}: Limits): string {
  const lines = probes.map(({ name, unit, best, median }) => {
    const numbers = [best, median].map((value) => formatNumber(value).padStart(8)).join(' ');
    return `  ${name.padEnd(38)} ${numbers} ${unit}`;
  });
  const clock = hasTimestamps ? "the GPU's timestamps" : 'the clock, less a round trip';
  const note = `  subgroups of ${subgroupSize}; timed by ${clock}; ${measuredMs.toFixed(0)} ms in all`;
  return [`  ${''.padEnd(38)}     best   median`, ...lines, note].join('\n');
}
