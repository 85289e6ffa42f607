import { requestDevice } from '../../src/index.ts';
import { type Contender, type Effort, runInTurn } from '../interleave.ts';
import { type Limits, measureLimits } from '../limits.ts';
import type { PeerName } from '../peer.ts';
import { makeReference } from '../reference.ts';
import type { Machine } from '../report.ts';
import { failedResult, type LeftOut, type Result } from '../results.ts';
import { findWorkload } from '../workloads.ts';
import { openFrame } from './frames.ts';

/** A workload's results, and who could not take part. */
export interface WorkloadRun {
  readonly results: readonly Result[];
  readonly leftOut: readonly LeftOut[];
  readonly differences: readonly string[];
}

/** Describes the browser and its adapter, and measures what that can do. */
export async function examine(): Promise<{ machine: Machine; limits: Limits }> {
  using device = await requestDevice({ powerPreference: 'high-performance' });
  const limits = await measureLimits(device.gpu);
  const machine: Machine = {
    runtime: navigator.userAgent,
    platform: navigator.platform,
    processor: null,
    cores: navigator.hardwareConcurrency,
    adapter: device.describe(),
    isSoftware: device.info.software,
  };
  return { machine, limits };
}

/**
 * Runs one workload on peers in turn, each in a frame of its own that stays open meanwhile.
 *
 * @throws {Error} if the workload is unknown or has no reference.
 */
export async function runWorkload(
  name: string,
  peers: readonly PeerName[],
  effort: Effort,
  report: (text: string) => void,
): Promise<WorkloadRun> {
  const workload = findWorkload(name);
  report('computing the reference');
  const reference = await makeReference(workload);
  const contenders: Contender[] = [];
  const failed: Result[] = [];
  const leftOut: LeftOut[] = [];
  for (const peer of peers) {
    try {
      const contender = await openFrame(peer);
      const reason = contender.peer.lacks(workload);
      if (reason === undefined) {
        contenders.push(contender);
      } else {
        leftOut.push({ workload: name, peer, reason });
        contender.close();
      }
    } catch (error) {
      failed.push(failedResult(workload, peer, error));
    }
  }
  const differences = contenders.flatMap((contender) => contender.peer.differences);
  const results = await runInTurn(workload, contenders, reference, effort, report);
  const order = (a: Result, b: Result): number => peers.indexOf(a.peer) - peers.indexOf(b.peer);
  return { results: [...results, ...failed].sort(order), leftOut, differences };
}
