import { availableParallelism, cpus, release, type as systemName } from 'node:os';
import { globals } from 'webgpu';
import { requestDevice } from '../src/index.ts';
import { type GpuRealm, watchGpu } from './counters.ts';
import { formatMs } from './format.ts';
import { gatefold } from './gatefold.ts';
import { type Effort, runInTurn } from './interleave.ts';
import { describeLaunches, measureTraining } from './launches.ts';
import { describeLimits, type Limits, measureLimits } from './limits.ts';
import type { BenchOptions } from './options.ts';
import { makeReference } from './reference.ts';
import { type Machine, makeReport } from './report.ts';
import type { Result } from './results.ts';
import { describeResults } from './text.ts';
import { describeWorkload, findWorkload, type Workload } from './workloads.ts';
import { writeReport } from './write-report.ts';

const stepLimitMs = 300_000;

/**
 * Runs Gatefold alone on Dawn, and shows what each launch of a training step takes.
 *
 * @returns whether everything was computed right.
 */
export async function run(options: BenchOptions): Promise<boolean> {
  if (options.peers?.some((name) => name !== 'gatefold')) {
    throw new Error('--device node runs Gatefold alone. Leave out --peers, or the others.');
  }
  const watch = watchGpu(globals as GpuRealm);
  const { machine, limits } = await examine();
  console.log(
    `${machine.adapter}; ${machine.runtime}; ${machine.processor}, ${machine.cores} cores`,
  );
  console.log(describeLimits(limits));
  const effort: Effort = {
    repetitions: options.repetitions,
    budgetMs: 1000 * options.budgetSeconds,
    limitMs: stepLimitMs,
  };
  const results: Result[] = [];
  for (const workload of options.workloads.map(findWorkload)) {
    console.log(`\n${workload.name}: ${describeWorkload(workload)}`);
    const reference = await makeReference(workload);
    const contender = {
      name: 'gatefold',
      peer: gatefold,
      watch,
      ownsRealm: false,
      close: () => undefined,
    } as const;
    const found = await runInTurn(workload, [contender], reference, effort, () => undefined);
    results.push(...found);
    console.log(describeResults(found, []));
    const stepMs = found[0]?.medianMs;
    if (workload.kind === 'training' && stepMs) await showLaunches(workload, stepMs, limits);
  }
  const report = makeReport({
    name: machine.isSoftware ? 'node-software' : 'node',
    machine,
    repetitions: options.repetitions,
    budgetSeconds: options.budgetSeconds,
    limits,
    workloads: options.workloads.map(findWorkload),
    results,
    leftOut: [],
    differences: gatefold.differences,
  });
  await writeReport(report, options.json, false);
  return results.every(({ check }) => check === 'ok');
}

async function showLaunches(workload: Workload, stepMs: number, limits: Limits): Promise<void> {
  using device = await requestDevice();
  const { streamedMs, launches } = await measureTraining(device, workload, stepMs);
  console.log(`\n  many steps, losses coming back behind them: ${formatMs(streamedMs)} a step`);
  if (launches) console.log(describeLaunches(launches, limits));
}

async function examine(): Promise<{ machine: Machine; limits: Limits }> {
  using device = await requestDevice();
  const limits = await measureLimits(device.gpu);
  const machine: Machine = {
    runtime: `Node ${process.versions.node}`,
    platform: `${systemName()} ${release()}`,
    processor: cpus()[0]?.model.trim() ?? null,
    cores: availableParallelism(),
    adapter: device.describe(),
    isSoftware: device.info.software,
  };
  return { machine, limits };
}
