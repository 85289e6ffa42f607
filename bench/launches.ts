import { adam, type Device, type LaunchTime, Trainer } from '../src/index.ts';
import { learningRate, makeData, makeModel, seed } from './data.ts';
import { alignColumns, formatMs, formatNumber } from './format.ts';
import { floorOf, type Limits, type WorkTotals } from './limits.ts';
import type { Workload } from './workloads.ts';

/** Time of one launch of a training step, or of launches that differ only in their time step. */
export interface LaunchFigures extends WorkTotals {
  readonly label: string;
  readonly kernel: string;
  readonly ms: number;
}

/** What is measured of training beside single steps. */
export interface TrainingFigures {
  /** Time per step of many steps, their losses coming back behind them. */
  readonly streamedMs: number;
  /** Absent where the adapter has no timestamp queries. */
  readonly launches: readonly LaunchFigures[] | undefined;
  /** The step's plan in words. */
  readonly plan: string;
}

/** How long steps are streamed for. */
const streamMs = 2000;
/** A launch of less than this share of the step has no line of its own. */
const leastShare = 0.02;

/** Streams steps for two seconds, then times every launch by itself. */
export async function measureTraining(
  device: Device,
  workload: Workload,
  stepMs: number,
): Promise<TrainingFigures> {
  await using trainer = await Trainer.create({
    device,
    model: makeModel(workload),
    data: makeData(workload),
    optimizer: adam({ learningRate }),
    seed,
    selfTest: false,
  });
  await runSteps(trainer, 2);
  const steps = Math.max(2, Math.ceil(streamMs / stepMs));
  const start = performance.now();
  await runSteps(trainer, steps);
  const streamedMs = (performance.now() - start) / steps;
  return { streamedMs, launches: await timeLaunches(trainer), plan: trainer.explain() };
}

async function runSteps(trainer: Trainer, steps: number): Promise<void> {
  for await (const { loss } of trainer.fit({ steps })) {
    if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
  }
}

/** The trainer's engine as far as it shows its launches; the float64 reference has none. */
interface TimedEngine {
  readonly executable?: {
    readonly plan: {
      readonly launches: readonly { readonly cost: Omit<WorkTotals, 'dispatches'> }[];
    };
    time(options: { repeats: number }): Promise<readonly LaunchTime[] | undefined>;
  };
}

async function timeLaunches(trainer: Trainer): Promise<readonly LaunchFigures[] | undefined> {
  const { executable } = trainer.engine as TimedEngine;
  const times = await executable?.time({ repeats: 3 });
  if (!executable || !times) return undefined;
  const groups = new Map<string, LaunchFigures>();
  for (const [index, { label, kernel, ms }] of times.entries()) {
    const cost = executable.plan.launches[index]?.cost;
    if (!cost) continue;
    const name = label.replace(/#\d+$/, '');
    const before = groups.get(name);
    groups.set(name, {
      label: name,
      kernel,
      ms: (before?.ms ?? 0) + ms,
      dispatches: (before?.dispatches ?? 0) + 1,
      flops: (before?.flops ?? 0) + cost.flops,
      readBytes: (before?.readBytes ?? 0) + cost.readBytes,
      writtenBytes: (before?.writtenBytes ?? 0) + cost.writtenBytes,
    });
  }
  return [...groups.values()];
}

/** Launches as a table of text, each with its speed and beside its floor. */
export function describeLaunches(launches: readonly LaunchFigures[], limits: Limits): string {
  const total = launches.reduce((sum, { ms }) => sum + ms, 0);
  const rows = launches
    .filter(({ ms }) => ms >= leastShare * total)
    .map((launch) => {
      const { label, kernel, dispatches, ms, flops } = launch;
      return [
        label,
        formatMs(ms),
        `${((100 * ms) / total).toFixed(0)} %`,
        flops > 0 ? formatNumber(flops / ms / 1e6) : '',
        formatMs(floorOf(launch, limits).totalMs),
        `${kernel}${dispatches > 1 ? ` × ${dispatches}` : ''}`,
      ];
    });
  const heading = ['launch', 'time', 'share', 'GFLOP/s', 'floor', 'kernel'];
  const lines = alignColumns([heading, ...rows]);
  return [...lines, `all launches: ${formatMs(total)}`].map((line) => `  ${line}`).join('\n');
}
