import type { Entrant } from './interleave.ts';
import type { PeerName } from './peer.ts';
import { countFlops, type Workload } from './workloads.ts';

/** What was found of a peer on a workload. Times are null unless `check` is `ok`. */
export interface Result {
  readonly workload: string;
  readonly peer: PeerName;
  /** Median over the repetitions of the time of a step. */
  readonly medianMs: number | null;
  readonly minMs: number | null;
  readonly maxMs: number | null;
  /** From an open device and a loaded library to the end of the first step. */
  readonly firstMs: number | null;
  /** Calls per step of the last repetition; null where there is no WebGPU. */
  readonly dispatches: number | null;
  readonly submits: number | null;
  readonly buffersCreated: number | null;
  readonly bytesUploaded: number | null;
  readonly bindGroupsCreated: number | null;
  readonly bytesAllocated: number | null;
  /** Time that the calling thread spent inside of WebGPU calls. */
  readonly apiMs: number | null;
  /** Compute pipelines made up to the end of the first step. */
  readonly pipelines: number | null;
  /** Most memory in WebGPU buffers at once, as far as creation and destruction of buffers tell. */
  readonly peakBytes: number | null;
  /** Speed by the algorithm's FLOPs. */
  readonly gflops: number | null;
  /** Speed of the peer's best matrix product between the repetitions; null for those that have none. */
  readonly matmulGflops: number | null;
  readonly repetitions: number;
  readonly stepsPerRepetition: number;
  /** Times per step in the order of the repetitions. */
  readonly timesMs: readonly number[];
  /** Loss of the first and of the last step. */
  readonly firstLoss: number | null;
  readonly lastLoss: number | null;
  readonly lastStep: number | null;
  /**
   * `ok`, or why there are no times: `wrong: …` if it computes something else than the reference, `failed: …` if
   * it threw or hung.
   */
  readonly check: string;
  /** What was compared, and how close it is; null unless `check` is `ok`. */
  readonly compared: string | null;
  readonly version: string | null;
  readonly device: string | null;
}

/** A peer that cannot do a workload. */
export interface LeftOut {
  readonly workload: string;
  readonly peer: PeerName;
  readonly reason: string;
}

/** The middle of numbers in any order. */
export function medianOf(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
}

/** The result of a peer that did not get as far as to run. */
export function failedResult(workload: Workload, peer: PeerName, error: unknown): Result {
  return summarize({ workload, peer, failure: messageOf(error) });
}

/** The first line of an error's message. The error may come from another realm. */
export function messageOf(error: unknown): string {
  const message = (error as { readonly message?: unknown } | null)?.message ?? error;
  return String(message).split('\n')[0] as string;
}

/** Makes the result of what a peer has done, or of its failure before it did anything. */
export function summarize({
  workload,
  peer,
  entrant,
  failure,
}: {
  readonly workload: Workload;
  readonly peer: PeerName;
  readonly entrant?: Entrant;
  readonly failure?: string | undefined;
}): Result {
  const { check, compared } = judge(entrant, failure);
  const isRight = check === 'ok';
  const timesMs = isRight && entrant ? entrant.timesMs : [];
  const watch = entrant?.contender.watch;
  const hasGpu = watch?.sawDevice() ?? false;
  const perStep = (name: keyof NonNullable<Entrant['counts']>): number | null => {
    if (!hasGpu || !entrant?.counts) return null;
    return entrant.counts[name] / entrant.stepsPerRepetition;
  };
  const medianMs = timesMs.length > 0 ? medianOf(timesMs) : null;
  return {
    workload: workload.name,
    peer,
    medianMs,
    minMs: timesMs.length > 0 ? Math.min(...timesMs) : null,
    maxMs: timesMs.length > 0 ? Math.max(...timesMs) : null,
    firstMs: isRight && entrant ? entrant.firstMs : null,
    dispatches: perStep('dispatches'),
    submits: perStep('submits'),
    buffersCreated: perStep('buffersCreated'),
    bytesUploaded: perStep('bytesUploaded'),
    bindGroupsCreated: perStep('bindGroupsCreated'),
    bytesAllocated: perStep('bytesAllocated'),
    apiMs: perStep('apiMs'),
    pipelines: hasGpu && entrant ? entrant.pipelines : null,
    peakBytes: hasGpu && entrant?.contender.ownsRealm ? entrant.peakBytes : null,
    gflops: medianMs === null ? null : countFlops(workload) / medianMs / 1e6,
    matmulGflops: isRight && entrant?.matmulGflops.length ? medianOf(entrant.matmulGflops) : null,
    repetitions: timesMs.length,
    stepsPerRepetition: entrant?.stepsPerRepetition ?? workload.stepsPerRepetition,
    timesMs,
    firstLoss: entrant?.losses[0]?.loss ?? null,
    lastLoss: entrant?.losses.at(-1)?.loss ?? null,
    lastStep: entrant?.losses.at(-1)?.step ?? null,
    check,
    compared,
    version: entrant?.version ?? null,
    device: entrant?.device ?? null,
  };
}

type Judgement = Pick<Result, 'check' | 'compared'>;

function judge(entrant: Entrant | undefined, failure: string | undefined): Judgement {
  if (failure !== undefined) {
    const isWrong = entrant?.worst !== undefined && entrant.worst.ratio > 1;
    return refuse(isWrong ? 'wrong' : 'failed', failure);
  }
  if (!entrant) return refuse('failed', 'did not run');
  if (entrant.contender.peer.hasOwnAlgorithm) return judgeByFall(entrant);
  const { worst, compared, losses } = entrant;
  if (!worst || compared === 0) return refuse('failed', 'nothing was compared');
  const percent = `${(100 * worst.ratio).toPrecision(2)} % of the tolerance`;
  const what =
    losses.length > 0 ? `${compared} of ${losses.length} losses against float64` : worst.text;
  return { check: 'ok', compared: `${what}: ${percent} at most` };
}

function judgeByFall({ losses }: Entrant): Judgement {
  const [first, last] = [losses[0], losses.at(-1)];
  if (!first || !last || !(last.loss < first.loss)) {
    const text = `the loss went from ${first?.loss} to ${last?.loss}, expected it to fall`;
    return refuse('wrong', text);
  }
  return { check: 'ok', compared: 'an algorithm of its own: only seen that the loss falls' };
}

function refuse(how: 'wrong' | 'failed', reason: string): Judgement {
  return { check: `${how}: ${reason}`, compared: null };
}
