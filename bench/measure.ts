import { adam, type Device, requestDevice, Trainer } from '../src/index.ts';
import { GpuEngine } from '../src/training/gpu-engine.ts';
import { makeData, makeModel, type Workload } from './workloads.ts';

/** Time of one launch in a step, or of launches that differ only in their time step. */
export interface LaunchFigures {
  readonly label: string;
  readonly kernel: string;
  readonly count: number;
  readonly ms: number;
  /** As the algorithm counts them; 0 for a gather. */
  readonly flops: number;
}

/** What was measured of a workload. */
export interface Figures {
  readonly adapter: string;
  /** From nothing to the first loss: plan, shaders, pipelines, uploads and the step itself. */
  readonly firstStepMs: number;
  /** Steps one by one, each awaiting its loss: sorted times. */
  readonly awaitedMs: readonly number[];
  /** Time per step of many steps, their losses coming back behind them as in `fit`. */
  readonly streamedMs: number;
  /** API calls of one awaited step. */
  readonly calls: Readonly<Record<string, number>>;
  /** Losses of the first and of the last awaited step. */
  readonly losses: readonly [first: number, last: number];
  /** Absent where the adapter has no timestamp queries. */
  readonly launches?: readonly LaunchFigures[];
}

/** How long steps are streamed for. */
const streamMs = 2000;

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

/** @returns the last loss. */
async function runSteps(trainer: Trainer, steps: number): Promise<number> {
  let last = Number.NaN;
  for await (const { loss } of trainer.fit({ steps })) last = loss;
  return last;
}

/**
 * Holds one step against the float64 reference: the loss and every gradient. Sizes are the workload's, so
 * that kernels are laid out alike, but for the number of time steps.
 *
 * @throws {ParityError} naming the tensor that is wrong.
 */
export async function checkWorkload(workload: Workload): Promise<void> {
  using device = await requestDevice();
  const short = { ...workload, steps: Math.min(3, workload.steps) };
  await using trainer = await createTrainer(device, short, true);
  await runSteps(trainer, 1);
}

/** Measures a workload on a device of its own, so that nothing is compiled yet. */
export async function measureWorkload(workload: Workload, repetitions: number): Promise<Figures> {
  using device = await requestDevice();
  const start = performance.now();
  await using trainer = await createTrainer(device, workload, false);
  await runSteps(trainer, 1);
  const firstStepMs = performance.now() - start;

  const before = { ...device.counters };
  const losses: number[] = [];
  const times: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const begun = performance.now();
    losses.push(await runSteps(trainer, 1));
    times.push(performance.now() - begun);
  }
  const calls = Object.fromEntries(
    Object.entries(device.counters).map(([name, count]) => {
      return [name, (count - before[name as keyof typeof before]) / repetitions];
    }),
  );
  const awaitedMs = times.sort((a, b) => a - b);
  const streamed = Math.ceil(streamMs / medianOf(awaitedMs));
  const streamStart = performance.now();
  await runSteps(trainer, streamed);
  const streamedMs = (performance.now() - streamStart) / streamed;
  const launches = await timeLaunches(trainer);
  return {
    adapter: device.describe(),
    firstStepMs,
    awaitedMs,
    streamedMs,
    calls,
    losses: [losses[0] as number, losses.at(-1) as number],
    ...(launches && { launches }),
  };
}

/** The middle of sorted numbers. */
export function medianOf(sorted: readonly number[]): number {
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
}

async function timeLaunches({ engine }: Trainer): Promise<LaunchFigures[] | undefined> {
  if (!(engine instanceof GpuEngine)) return undefined;
  const times = await engine.executable.time({ repeats: 3 });
  const groups = new Map<string, LaunchFigures>();
  for (const [index, launch] of times?.entries() ?? []) {
    const label = launch.label.replace(/#\d+$/, '');
    const { count = 0, ms = 0, flops = 0 } = groups.get(label) ?? {};
    groups.set(label, {
      label,
      kernel: launch.kernel,
      count: count + 1,
      ms: ms + launch.ms,
      flops: flops + (engine.executable.plan.launches[index]?.cost.flops ?? 0),
    });
  }
  return times ? [...groups.values()] : undefined;
}
