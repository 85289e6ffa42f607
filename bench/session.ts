import { availableParallelism, cpus, release, type as systemName } from 'node:os';
import { describeApiTime } from './api-time.ts';
import { describeMatmul } from './best-matmul.ts';
import type { Examination, Machine } from './examine.ts';
import { type Effort, usualEffort } from './interleave.ts';
import { describeLimits } from './limits.ts';
import type { BenchOptions } from './options.ts';
import type { PeerName } from './peer.ts';
import { makeReport, type Report } from './report.ts';
import { failedResult, type LeftOut, type Result } from './results.ts';
import type { WorkloadRun } from './run-workload.ts';
import type { StatusLine } from './status-line.ts';
import { describeResults } from './text.ts';
import { describeWorkload, findWorkload, type Workload } from './workloads.ts';

/** Where the bench runs: this process, a page or another runtime. */
export interface Host {
  /** Of the report, e.g. `chromium`. */
  readonly name: string;
  /** Those that take part. */
  readonly peers: readonly PeerName[];
  examine(): Promise<Examination>;
  /** @throws {Error} if the host broke down. It works again for the next workload. */
  run(workload: string, peers: readonly PeerName[], effort: Effort): Promise<WorkloadRun>;
  /** More on a workload that Gatefold has run, as text. */
  showMore?(workload: Workload, stepMs: number, examination: Examination): Promise<string>;
}

/** Whether everything was computed right. */
export function isRight({ results }: Report): boolean {
  return results.every(({ check }) => check === 'ok');
}

/** The machine of a run, with what only Node knows. */
export function completeMachine(machine: Machine, runtime: string): Machine {
  return {
    ...machine,
    runtime,
    platform: `${systemName()} ${release()}`,
    processor: cpus()[0]?.model.trim() ?? null,
    cores: availableParallelism(),
  };
}

/** Examines the host's adapter, runs all workloads and prints what comes out, as it comes. */
export async function runSession(
  host: Host,
  options: BenchOptions,
  status: StatusLine,
): Promise<Report> {
  const examination = await host.examine();
  const { machine, limits, matmul, apiTime } = examination;
  status.clear();
  console.log(
    `${machine.adapter}; ${machine.runtime}; ${machine.processor}, ${machine.cores} cores`,
  );
  console.log(describeLimits(limits));
  console.log(describeMatmul(matmul, limits));
  console.log(describeApiTime([apiTime]));
  const effort: Effort = {
    ...usualEffort,
    repetitions: options.repetitions,
    budgetMs: 1000 * options.budgetSeconds,
  };
  const results: Result[] = [];
  const leftOut: LeftOut[] = [];
  const differences: string[] = [];
  for (const name of options.workloads) {
    const workload = findWorkload(name);
    console.log(`\n${name}: ${describeWorkload(workload)}`);
    const found = await attempt(host, workload, effort);
    status.clear();
    results.push(...found.results);
    leftOut.push(...found.leftOut);
    differences.push(...found.differences);
    console.log(describeResults(workload, found, examination));
    const stepMs = found.results.find(({ peer }) => peer === 'gatefold')?.medianMs;
    const more = stepMs && (await host.showMore?.(workload, stepMs, examination));
    status.clear();
    if (more) console.log(more);
  }
  const { name } = host;
  const { repetitions, budgetSeconds } = options;
  return makeReport(
    { ...examination, name, repetitions, budgetSeconds, results, leftOut, differences },
    options.workloads.map(findWorkload),
  );
}

async function attempt(host: Host, workload: Workload, effort: Effort): Promise<WorkloadRun> {
  try {
    return await host.run(workload.name, host.peers, effort);
  } catch (error) {
    const results = host.peers.map((peer) => failedResult(workload, peer, error));
    return { results, leftOut: [], differences: [] };
  }
}
