import { adam, type Device, requestDevice, Trainer } from '../src/index.ts';
import { GpuEngine } from '../src/training/gpu-engine.ts';
import { makeData, makeModel, type Workload } from './workloads.ts';

/** Median, least and most of some measured times. */
export interface Spread {
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** What one launch, or a run of launches that differ only in their time step, takes in a step. */
export interface LaunchFigures {
  readonly label: string;
  readonly kernel: string;
  readonly count: number;
  readonly ms: number;
  /** Absent where the algorithm counts no floating-point operations. */
  readonly gflops?: number;
}

/** What was measured of a workload. */
export interface Figures {
  readonly adapter: string;
  /** From nothing to the first loss: plan, shaders, pipelines, uploads and the step itself. */
  readonly firstStepMs: number;
  /** One step per submit, each awaiting its loss. */
  readonly awaited: Spread;
  /** Time per step of many steps whose losses come back behind them, as `fit` runs them. */
  readonly streamedMs: number;
  readonly dispatches: number;
  readonly submits: number;
  readonly buffersCreated: number;
  readonly bindGroupsCreated: number;
  readonly bytesUploaded: number;
  /** Of the awaited steps. */
  readonly firstLoss: number;
  readonly lastLoss: number;
  /** Absent where the adapter has no timestamp queries. */
  readonly launches?: readonly LaunchFigures[];
}

const streamedAtLeastMs = 1000;

function createTrainer(device: Device, workload: Workload, validates: boolean): Promise<Trainer> {
  return Trainer.create({
    device,
    model: makeModel(workload),
    data: makeData(workload),
    optimizer: adam({ learningRate: 3e-3 }),
    seed: 1,
    selfTest: false,
    ...(validates && { validate: { every: 1 } }),
  });
}

async function runSteps(trainer: Trainer, steps: number, stepsPerSubmit?: number): Promise<number> {
  let last = Number.NaN;
  const options = { steps, ...(stepsPerSubmit && { stepsPerSubmit }) };
  for await (const { loss } of trainer.fit(options)) last = loss;
  return last;
}

/**
 * Holds one step against the float64 reference: loss and every gradient. The sizes are those of the
 * workload, so the kernels are laid out alike, but time is cut short.
 *
 * @throws {ParityError} naming the tensor that is wrong.
 */
export async function checkWorkload(workload: Workload): Promise<void> {
  using device = await requestDevice();
  const short = { ...workload, steps: Math.min(3, workload.steps) };
  await using trainer = await createTrainer(device, short, true);
  await runSteps(trainer, 1);
}

/** Measures training steps of a workload on a device of their own, so that nothing is compiled yet. */
export async function measureWorkload(workload: Workload, repetitions: number): Promise<Figures> {
  using device = await requestDevice();
  const start = performance.now();
  await using trainer = await createTrainer(device, workload, false);
  await runSteps(trainer, 1);
  const firstStepMs = performance.now() - start;

  const losses: number[] = [];
  const times: number[] = [];
  const before = { ...device.counters };
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const begun = performance.now();
    losses.push(await runSteps(trainer, 1, 1));
    times.push(performance.now() - begun);
  }
  const after = { ...device.counters };
  const perStep = (name: keyof typeof before): number => (after[name] - before[name]) / repetitions;

  const awaited = spreadOf(times);
  const streamed = Math.max(repetitions, Math.ceil(streamedAtLeastMs / awaited.medianMs));
  const streamStart = performance.now();
  await runSteps(trainer, streamed);
  const streamedMs = (performance.now() - streamStart) / streamed;
  const launches = await timeLaunches(trainer);
  return {
    adapter: device.describe(),
    firstStepMs,
    awaited,
    streamedMs,
    dispatches: perStep('dispatches'),
    submits: perStep('submits'),
    buffersCreated: perStep('buffersCreated'),
    bindGroupsCreated: perStep('bindGroupsCreated'),
    bytesUploaded: perStep('bytesUploaded'),
    firstLoss: losses[0] as number,
    lastLoss: losses.at(-1) as number,
    ...(launches && { launches }),
  };
}

function spreadOf(times: readonly number[]): Spread {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] as number;
  const middle = (sorted.length - 1) / 2;
  return {
    medianMs: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    minMs: at(0),
    maxMs: at(sorted.length - 1),
  };
}

async function timeLaunches(trainer: Trainer): Promise<LaunchFigures[] | undefined> {
  const { engine } = trainer;
  if (!(engine instanceof GpuEngine)) return undefined;
  const { executable } = engine;
  const times = await executable.time({ repeats: 3 });
  if (!times) return undefined;
  const groups = new Map<string, { kernel: string; count: number; ms: number; flops: number }>();
  for (const [index, { label, kernel, ms }] of times.entries()) {
    const key = label.replace(/#\d+$/, '');
    const sum = groups.get(key) ?? { kernel, count: 0, ms: 0, flops: 0 };
    sum.count += 1;
    sum.ms += ms;
    sum.flops += executable.plan.launches[index]?.cost.flops ?? 0;
    groups.set(key, sum);
  }
  return [...groups].map(([label, { kernel, count, ms, flops }]) => ({
    label,
    kernel,
    count,
    ms,
    ...(flops > 0 && { gflops: flops / ms / 1e6 }),
  }));
}
