import type { Examination } from './examine.ts';
import { floorOf, type Limits } from './limits.ts';
import type { PeerName } from './peer.ts';
import type { LeftOut, Result } from './results.ts';
import { countFlops, countLeastBytes, describeWorkload, type Workload } from './workloads.ts';

/** A workload with what it takes at least. */
export interface WorkloadFacts {
  readonly name: string;
  readonly description: string;
  /** Of the matmuls of one step; see {@link countFlops}. */
  readonly flops: number;
  /**
   * The least time of a step on this adapter: those FLOPs at the rolled-loop rate or weights, input and
   * output at copy bandwidth, whichever takes longer, one dispatch, and one round trip per repetition.
   */
  readonly floorMs: number;
}

/** What a session found on one adapter. */
export interface Findings extends Examination {
  readonly name: string;
  /** At most so many repetitions of each, and within so much time. */
  readonly repetitions: number;
  readonly budgetSeconds: number;
  readonly results: readonly Result[];
  readonly leftOut: readonly LeftOut[];
  /** Sentences on what peers do otherwise. */
  readonly differences: readonly string[];
}

/** Everything that one run of the bench found. */
export interface Report extends Findings {
  /** Of this form; counts up when it changes. */
  readonly format: 1;
  readonly date: string;
  /** Versions by peer. */
  readonly versions: Readonly<Record<string, string>>;
  readonly workloads: readonly WorkloadFacts[];
  readonly results: readonly (Result & { readonly adapter: string })[];
}

/** Makes a report, dated now. */
export function makeReport(findings: Findings, workloads: readonly Workload[]): Report {
  const { results, limits, machine } = findings;
  const versions = results.flatMap(({ peer, version }) => (version ? [[peer, version]] : []));
  return {
    format: 1,
    date: new Date().toISOString(),
    ...findings,
    results: results.map((result) => ({ ...result, adapter: machine.adapter })),
    versions: Object.fromEntries(versions),
    workloads: workloads.map((workload) => ({
      name: workload.name,
      description: describeWorkload(workload),
      flops: countFlops(workload),
      floorMs: findFloor(workload, limits),
    })),
    differences: [...new Set(findings.differences)],
  };
}

/** The least time of a step of a workload; see {@link WorkloadFacts}. */
export function findFloor(workload: Workload, limits: Limits): number {
  const bytes = countLeastBytes(workload);
  const totals = { flops: countFlops(workload), ...bytes, dispatches: 1 };
  return floorOf(totals, limits, 1 / workload.stepsPerRepetition).totalMs;
}

/** The result of a peer on a workload, if it has times. */
export function findResult(
  results: readonly Result[],
  workload: string,
  peer: PeerName,
): (Result & { readonly medianMs: number }) | undefined {
  const found = results.find((result) => result.workload === workload && result.peer === peer);
  return found && found.medianMs !== null ? { ...found, medianMs: found.medianMs } : undefined;
}

/** How many times faster Gatefold is than the fastest other peer on WebGPU. */
export function compareWithWebgpu(
  results: readonly Result[],
  workload: string,
): { readonly peer: PeerName; readonly factor: number } | undefined {
  const own = findResult(results, workload, 'gatefold');
  const others = results
    .filter((result) => result.workload === workload && result.peer.endsWith('-webgpu'))
    .flatMap(({ peer, medianMs }) => (medianMs === null ? [] : [{ peer, medianMs }]))
    .sort((a, b) => a.medianMs - b.medianMs);
  const [fastest] = others;
  return own && fastest && { peer: fastest.peer, factor: fastest.medianMs / own.medianMs };
}
