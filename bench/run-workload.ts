import { type Contender, type Effort, runInTurn } from './interleave.ts';
import type { PeerName } from './peer.ts';
import { makeReference } from './reference.ts';
import { failedResult, type LeftOut, type Result } from './results.ts';
import { findWorkload } from './workloads.ts';

/** A workload's results, and who could not take part. */
export interface WorkloadRun {
  readonly results: readonly Result[];
  readonly leftOut: readonly LeftOut[];
  readonly differences: readonly string[];
}

/** Makes a peer ready to take part. */
export type OpenContender = (name: PeerName) => Promise<Contender>;

/**
 * Runs one workload on peers in turn.
 *
 * @param open - Loads a peer, into a realm of its own where there are such.
 * @param report - Gets a line for everything that happens.
 * @throws {Error} if the workload is unknown or has no reference.
 */
export async function runWorkload(
  name: string,
  peers: readonly PeerName[],
  effort: Effort,
  open: OpenContender,
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
      const contender = await open(peer);
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
