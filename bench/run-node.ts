import { globals } from 'webgpu';
import { requestDevice } from '../src/index.ts';
import { describeApiTime } from './api-time.ts';
import { measureNullApiTime } from './api-time-null.ts';
import { type GpuRealm, watchGpu } from './counters.ts';
import { examine } from './examine.ts';
import { formatMs } from './format.ts';
import { gatefold, gatefoldTuned } from './gatefold.ts';
import { describeLaunches, measureTraining } from './launches.ts';
import type { Limits } from './limits.ts';
import type { BenchOptions } from './options.ts';
import type { PeerName } from './peer.ts';
import { runWorkload } from './run-workload.ts';
import { completeMachine, type Host, isRight, runSession } from './session.ts';
import { StatusLine } from './status-line.ts';
import { findWorkload, type Workload } from './workloads.ts';
import { fileNameOf, writeReports } from './write-report.ts';

/**
 * Runs Gatefold alone on Dawn, and shows what each launch of a training step takes.
 *
 * @returns whether everything was computed right.
 */
export async function run(options: BenchOptions): Promise<boolean> {
  const peers = options.peers ?? ['gatefold'];
  if (peers.some((name) => !name.startsWith('gatefold'))) {
    throw new Error('--device node runs Gatefold alone. Leave out --peers, or the others.');
  }
  const realm = globals as GpuRealm;
  const status = new StatusLine();
  const report = (text: string): void => status.show(text);
  let watch: ReturnType<typeof watchGpu>;
  const host: Host = {
    name: 'node',
    peers,
    examine: async () => {
      const examination = await examine(realm, report);
      watch = watchGpu(realm);
      const machine = completeMachine(examination.machine, `Node ${process.versions.node}`);
      return { ...examination, machine };
    },
    run: (workload, names, effort) => {
      const open = (name: PeerName) => {
        const peer = name === 'gatefold' ? gatefold : gatefoldTuned;
        return Promise.resolve({ name, peer, watch, ownsRealm: false, close: () => undefined });
      };
      return runWorkload(workload, names, effort, open, report);
    },
    showMore: (workload, stepMs, { limits }) => describeTraining(workload, stepMs, limits),
  };
  const found = await runSession(host, options, status);
  await showApiTimes(options.workloads.map(findWorkload));
  await writeReports({ file: fileNameOf(found), reports: [found] }, options);
  return isRight(found);
}

async function describeTraining(
  workload: Workload,
  stepMs: number,
  limits: Limits,
): Promise<string> {
  if (workload.kind !== 'training') return '';
  using device = await requestDevice();
  const { streamedMs, launches } = await measureTraining(device, workload, stepMs);
  const streamed = `\n  many steps, losses coming back behind them: ${formatMs(streamedMs)} a step`;
  return launches ? `${streamed}\n${describeLaunches(launches, limits)}` : streamed;
}

async function showApiTimes(workloads: readonly Workload[]): Promise<void> {
  const training = workloads.filter(({ kind }) => kind === 'training');
  if (training.length === 0) return;
  const times = [];
  for (const workload of training) times.push(await measureNullApiTime(workload));
  console.log("\non Dawn's null backend, which computes nothing:");
  console.log(describeApiTime(times));
}
