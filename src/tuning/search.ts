import { describeAxes, type Tunable } from '../graph/tunable.ts';

/** A shape that computes right and can be timed. */
export interface Contender {
  /** Time to build its pipelines and run it once. */
  readonly buildMs: number;
  /** Time of one run, averaged over as many as a measurement needs. */
  measure(): Promise<number>;
  dispose(): void;
}

/** A shape that is out of the contest. */
export interface Refusal {
  readonly outcome: 'wrong' | 'failed';
  readonly reason: string;
}

/** What became of a candidate. */
export type CandidateOutcome = 'better' | 'slower' | 'slow to build' | Refusal['outcome'];

/** A candidate and how it did. */
export interface CandidateReport<S extends object = object> {
  readonly shape: S;
  readonly outcome: CandidateOutcome;
  /** What was measured, or why it was not. */
  readonly reason: string;
}

/** Where shapes are built, checked and timed. */
export interface Arena<S extends object> {
  prepare(shape: S): Promise<Contender | Refusal>;
}

/** When to stop, and whom to tell. */
export interface SearchOptions<S extends object> {
  /** Building takes so long here that it counts. */
  readonly countsBuilding: boolean;
  /** Where an earlier search was interrupted: the shape it had reached, and all it had tried. */
  readonly earlier?: { readonly shape: S; readonly tried: readonly string[] } | undefined;
  /** Whether to begin with no further candidate. */
  isOver(): boolean;
  /** Called between measurements; may throw to end the search. */
  pause(): void;
  report(candidate: CandidateReport<S>): void;
}

/** The shape that a search ended with. */
export interface SearchResult<S extends object> {
  readonly shape: S;
  /** Least time of a run. */
  readonly ms: number;
  /** Least time of a run with the rule's shape. */
  readonly ruleMs: number;
  /** Shapes tried, the rule's and those of earlier searches included. */
  readonly candidates: number;
  /** All that was tried, if the search has not come to its end. */
  readonly interrupted?: readonly string[];
}

/** A challenger must take at most this share of the incumbent's time. */
export const winningRatio = 0.95;
/** Rounds of a duel; in each both are measured once. */
export const duelRounds = 5;
/** Rounds of the last duel, between the winner and the rule's shape. */
export const finalRounds = 9;
/** A challenger that is slower than this in the first two rounds is out. */
const hopelessRatio = 1.15;
/** Runs that must make up for the longer building of a shape, where building counts. */
export const runsPerBuild = 1000;

/**
 * Looks for a shape that is faster than the rule's: first the forms that the tunable names, then, from the best
 * of them, one step along one axis at a time for as long as that helps.
 *
 * The choice rule. A challenger and the incumbent are measured in turn, {@link duelRounds} times. The challenger
 * takes over if it needs at most {@link winningRatio} of the incumbent's time, both by the median over the rounds
 * and by the least times, and, where building counts, if {@link runsPerBuild} runs save what it takes longer to
 * build. So on a tie the earlier stays. In the end the winner meets the rule's shape once more, for
 * {@link finalRounds} rounds by the same rule: one that was only lucky leaves the rule's shape in place.
 *
 * @throws {TypeError} if the rule's own shape is refused.
 */
export async function searchShape<S extends object>(
  tunable: Tunable<S>,
  arena: Arena<S>,
  options: SearchOptions<S>,
): Promise<SearchResult<S>> {
  const rule = await arena.prepare(tunable.builtIn);
  if (isRefusal(rule)) throw new TypeError(`${tunable.key}: ${rule.reason}`);
  let best = { shape: tunable.builtIn, contender: rule };
  try {
    const { earlier } = options;
    const tried = new Set([describeAxes(tunable.builtIn), ...(earlier?.tried ?? [])]);
    // It must show its worth again: the rule's shape has come back to where it stood.
    if (earlier && describeAxes(earlier.shape) !== describeAxes(tunable.builtIn)) {
      tried.delete(describeAxes(earlier.shape));
    }
    let complete = true;
    /** Tries shapes in order; with `stops` only until one takes over. Returns whether one did. */
    const challenge = async (shapes: readonly S[], stops: boolean): Promise<boolean> => {
      let found = false;
      for (const shape of shapes) {
        const name = describeAxes(shape);
        if (tried.has(name)) continue;
        options.pause();
        if (options.isOver()) {
          complete = false;
          return false;
        }
        tried.add(name);
        const contender = await arena.prepare(shape);
        if (isRefusal(contender)) {
          options.report({ shape, ...contender });
          continue;
        }
        const keepsOld = best.contender;
        let wins = false;
        try {
          const duel = await fight(contender, keepsOld, duelRounds, options.pause);
          const outcome = judge(duel, contender, keepsOld, options.countsBuilding);
          options.report({ shape, outcome, reason: describeDuel(duel) });
          wins = outcome === 'better';
        } finally {
          if (!wins) contender.dispose();
        }
        if (!wins) continue;
        if (keepsOld !== rule) keepsOld.dispose();
        best = { shape, contender };
        found = true;
        if (stops) return true;
      }
      return found;
    };
    await challenge([...(earlier ? [earlier.shape] : []), ...tunable.seeds()], false);
    while (complete && (await challenge(tunable.neighbours(best.shape), true)));

    const ended = { candidates: tried.size, ...(!complete && { interrupted: [...tried] }) };
    if (best.contender === rule) {
      const ms = Math.min(await rule.measure(), await rule.measure(), await rule.measure());
      return { shape: tunable.builtIn, ms, ruleMs: ms, ...ended };
    }
    const last = await fight(best.contender, rule, finalRounds, options.pause);
    const { ms, otherMs: ruleMs } = last;
    if (judge(last, best.contender, rule, options.countsBuilding) === 'better') {
      return { shape: best.shape, ms, ruleMs, ...ended };
    }
    return { shape: tunable.builtIn, ms: ruleMs, ruleMs, ...ended };
  } finally {
    if (best.contender !== rule) best.contender.dispose();
    rule.dispose();
  }
}

interface Duel {
  /** The challenger's time over the incumbent's: the larger of two measures, see {@link searchShape}. */
  readonly ratio: number;
  /** Least times: other work on the machine only ever adds to them. */
  readonly ms: number;
  readonly otherMs: number;
}

async function fight(
  challenger: Contender,
  incumbent: Contender,
  rounds: number,
  pause: () => void,
): Promise<Duel> {
  const mine: number[] = [];
  const theirs: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    pause();
    // Who comes first alternates: neither has the warmer device.
    const isFirst = round % 2 === 1;
    const early = isFirst ? await challenger.measure() : undefined;
    const other = await incumbent.measure();
    const own = early ?? (await challenger.measure());
    mine.push(own);
    theirs.push(other);
    ratios.push(own / other);
    if (round === 1 && ratios.every((ratio) => ratio > hopelessRatio)) break;
  }
  const [ms, otherMs] = [Math.min(...mine), Math.min(...theirs)];
  return { ratio: Math.max(median(ratios), ms / otherMs), ms, otherMs };
}

function judge(
  { ratio, ms, otherMs }: Duel,
  challenger: Contender,
  incumbent: Contender,
  countsBuilding: boolean,
): 'better' | 'slower' | 'slow to build' {
  if (!(ratio <= winningRatio)) return 'slower';
  const longerMs = challenger.buildMs - incumbent.buildMs;
  return countsBuilding && longerMs > runsPerBuild * (otherMs - ms) ? 'slow to build' : 'better';
}

function describeDuel({ ratio, ms, otherMs }: Duel): string {
  return `${ms.toPrecision(3)} ms against ${otherMs.toPrecision(3)} ms, ratio ${ratio.toFixed(2)}`;
}

function isRefusal(prepared: Contender | Refusal): prepared is Refusal {
  return 'outcome' in prepared;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
