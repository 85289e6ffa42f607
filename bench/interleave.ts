import { type GpuCounts, type GpuWatch, subtractCounts } from './counters.ts';
import type { OpenedPeer, Peer, PeerName, Session } from './peer.ts';
import type { Reference } from './reference.ts';
import { failedResult, messageOf, type Result, summarize } from './results.ts';
import type { Workload } from './workloads.ts';

/** A peer that takes part in a run, in a realm that is being watched. */
export interface Contender {
  readonly name: PeerName;
  readonly peer: Peer;
  readonly watch: GpuWatch;
  /** Whether nobody else uses the realm, so that its memory is this peer's. */
  readonly ownsRealm: boolean;
  /** Takes the realm down. */
  close(): void;
}

/** How much to measure. */
export interface Effort {
  /** Most repetitions of a peer on a workload. */
  readonly repetitions: number;
  /** Time for the repetitions of a peer on a workload. There is one repetition at least. */
  readonly budgetMs: number;
  /** A step that takes longer counts as failed. */
  readonly limitMs: number;
  /** Idle time in front of a peer's turn: threads of the one before may go on looking for work for a while. */
  readonly restMs: number;
  /** Ends the run after the step that is under way. */
  readonly signal?: AbortSignal;
}

/** What nobody chooses. Beside jax-js' threads a step of char-s took 390 ms, and 160 after such a rest. */
export const usualEffort = { limitMs: 300_000, restMs: 300 } satisfies Partial<Effort>;

/** What a peer has done so far. */
export interface Entrant {
  readonly contender: Contender;
  readonly workload: Workload;
  readonly version: string;
  readonly device: string;
  readonly session: Session;
  readonly firstMs: number;
  readonly pipelines: number;
  /** Steps of one repetition. */
  readonly stepsPerRepetition: number;
  /** Times per step. */
  readonly timesMs: number[];
  /** Losses of `training`, with the number of their step. */
  readonly losses: { readonly step: number; readonly loss: number }[];
  /** Calls of one repetition. */
  counts: GpuCounts | undefined;
  /** Rates of the peer's best matrix product, one behind each repetition. */
  readonly matmulGflops: number[];
  /** Most memory at once, before the first of those products took some. */
  peakBytes: number;
  stepsDone: number;
  spentMs: number;
  /** Largest error so far, in units of the tolerance, and what it was. */
  worst: { readonly ratio: number; readonly text: string } | undefined;
  compared: number;
  failure: string | undefined;
}

/**
 * Runs a workload on peers in turn, A B C A B C …: first each peer's first step, then repetitions until the
 * budget is spent. Whatever is computed is compared with the reference; a peer that is wrong or fails leaves.
 *
 * @returns a result for every contender.
 * @throws {DOMException} if the signal ended it.
 */
export async function runInTurn(
  workload: Workload,
  contenders: readonly Contender[],
  reference: Reference,
  effort: Effort,
  report: (text: string) => void,
): Promise<Result[]> {
  const entrants: Entrant[] = [];
  const failed: Result[] = [];
  try {
    for (const contender of contenders) {
      if (contenders.length > 1) await sleep(effort.restMs);
      effort.signal?.throwIfAborted();
      try {
        entrants.push(await enter(contender, workload, reference, effort, report));
      } catch (error) {
        report(`${contender.name} failed: ${messageOf(error)}`);
        failed.push(failedResult(workload, contender.name, error));
        contender.close();
      }
    }
    for (let round = 0; round < effort.repetitions; round++) {
      const turns = entrants.filter((entrant) => mayGoOn(entrant, effort));
      if (turns.length === 0) break;
      for (const entrant of turns) {
        if (turns.length > 1) await sleep(effort.restMs);
        effort.signal?.throwIfAborted();
        await repeat(entrant, reference, effort, report);
      }
    }
  } finally {
    for (const { session } of entrants) {
      await Promise.resolve(session.dispose()).catch(() => undefined);
    }
    for (const contender of contenders) contender.close();
  }
  const results = entrants.map((entrant) =>
    summarize({ workload, peer: entrant.contender.name, entrant, failure: entrant.failure }),
  );
  const order = contenders.map(({ name }) => name);
  return [...results, ...failed].sort((a, b) => order.indexOf(a.peer) - order.indexOf(b.peer));
}

async function enter(
  contender: Contender,
  workload: Workload,
  reference: Reference,
  effort: Effort,
  report: (text: string) => void,
): Promise<Entrant> {
  const { name, peer, watch } = contender;
  const opened: OpenedPeer = await within(effort.limitMs, `opening ${name}`, peer.open(workload));
  const before = watch.counts();
  const start = performance.now();
  const session = await within(effort.limitMs, 'getting ready', opened.start());
  const outcome = await within(effort.limitMs, 'the first step', session.run(1));
  const firstMs = performance.now() - start;
  const entrant: Entrant = {
    contender,
    workload,
    version: opened.version,
    device: opened.device,
    session,
    firstMs,
    pipelines: watch.counts().pipelinesCreated - before.pipelinesCreated,
    stepsPerRepetition: workload.stepsPerRepetition,
    timesMs: [],
    losses: [],
    counts: undefined,
    matmulGflops: [],
    peakBytes: watch.peakBytes(),
    stepsDone: 1,
    spentMs: 0,
    worst: undefined,
    compared: 0,
    failure: undefined,
  };
  await note(entrant, outcome, reference);
  report(`${name}: first step ${firstMs.toFixed(0)} ms`);
  if (entrant.stepsPerRepetition === 1 || entrant.failure !== undefined) return entrant;
  // A slow peer does fewer steps per repetition, so that there is more than one repetition of it.
  const probed = performance.now();
  await note(entrant, await within(effort.limitMs, 'a step', session.run(1)), reference, 1);
  const stepMs = performance.now() - probed;
  const affordable = Math.floor(effort.budgetMs / Math.min(effort.repetitions, 3) / stepMs);
  const steps = Math.max(1, Math.min(workload.stepsPerRepetition, affordable));
  return { ...entrant, stepsPerRepetition: steps };
}

function mayGoOn(
  { failure, timesMs, spentMs, stepsPerRepetition }: Entrant,
  effort: Effort,
): boolean {
  if (failure !== undefined) return false;
  const expected = (timesMs.at(-1) ?? 0) * stepsPerRepetition;
  return timesMs.length === 0 || spentMs + expected <= effort.budgetMs;
}

async function repeat(
  entrant: Entrant,
  reference: Reference,
  effort: Effort,
  report: (text: string) => void,
): Promise<void> {
  const { contender, session, stepsPerRepetition: steps } = entrant;
  const { watch } = contender;
  const before = watch.counts();
  try {
    const start = performance.now();
    const outcome = await within(effort.limitMs, 'a repetition', session.run(steps));
    const ms = performance.now() - start;
    entrant.counts = subtractCounts(watch.counts(), before);
    entrant.timesMs.push(ms / steps);
    entrant.spentMs += ms;
    await note(entrant, outcome, reference, steps);
    report(`${contender.name}: ${(ms / steps).toPrecision(4)} ms`);
    if (entrant.matmulGflops.length === 0) entrant.peakBytes = watch.peakBytes();
    if (session.rateMatmul) {
      const rate = await within(effort.limitMs, 'a product', session.rateMatmul());
      entrant.matmulGflops.push(rate);
    }
  } catch (error) {
    entrant.failure = messageOf(error);
    report(`${contender.name} failed: ${entrant.failure}`);
  }
}

/** Compares an outcome with the reference and takes note of what the device complained about. */
async function note(
  entrant: Entrant,
  outcome: Awaited<ReturnType<Session['run']>>,
  reference: Reference,
  steps = 0,
): Promise<void> {
  entrant.stepsDone += steps;
  const { stepsDone, contender } = entrant;
  if (outcome.kind === 'training') entrant.losses.push({ step: stepsDone, loss: outcome.loss });
  const [error] = contender.watch.takeErrors();
  if (error !== undefined) entrant.failure = `the device reports: ${error}`;
  if (contender.peer.hasOwnAlgorithm) return;
  const comparison = await reference.compare(outcome, stepsDone);
  if (!comparison) return;
  entrant.compared += 1;
  if (comparison.ratio >= (entrant.worst?.ratio ?? 0)) entrant.worst = comparison;
  if (comparison.ratio > 1) entrant.failure ??= comparison.text;
}

/** @throws {Error} if `work` takes longer than `limitMs`. */
async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const seconds = (limitMs / 1000).toFixed(0);
    timer = setTimeout(() => reject(new Error(`${what} took over ${seconds} s`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
