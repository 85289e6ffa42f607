import { formatMs } from './tuning.ts';

/** A shape that computes right and can be timed. */
export interface Contender {
  /** Time to build its pipelines and run it once. */
  readonly buildMs: number;
  /** Time of one run, averaged over as many as a measurement needs. */
  measure(): Promise<number>;
  dispose(): void;
}

/** How a challenger did against an incumbent. */
export interface Duel {
  readonly outcome: 'better' | 'slower' | 'slow to build';
  /** Least times of a run: other work on the machine only ever adds to them. */
  readonly ms: number;
  readonly otherMs: number;
  /** In words. */
  readonly account: string;
}

/** How a duel is fought. */
export interface DuelOptions {
  /** In each round both are measured once. */
  readonly rounds: number;
  /** Building takes so long here that it counts. */
  readonly countsBuilding: boolean;
  /** Called between measurements; may throw to end the duel. */
  pause(): void;
}

/** Share of the incumbent's time that a challenger may take at most. */
export const winningRatio = 0.95;
/** Runs that must make up for the longer building of a challenger, where building counts. */
export const runsPerBuild = 1000;
/** A challenger that is slower than this in all of the first one, two rounds is out. */
const hopelessRatios = [2, 1.15];

/**
 * Measures two in turn and decides. The challenger is better if it needs at most {@link winningRatio} of the
 * incumbent's time, both by the median over the rounds and by the least times, and, where building counts, if
 * {@link runsPerBuild} runs save what it takes longer to build. On a tie the incumbent stays.
 */
export async function fight(
  challenger: Contender,
  incumbent: Contender,
  { rounds, countsBuilding, pause }: DuelOptions,
): Promise<Duel> {
  const mine: number[] = [];
  const theirs: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    pause();
    // Who comes first alternates: neither always has the warmer device.
    const early = round % 2 === 1 ? await challenger.measure() : undefined;
    const other = await incumbent.measure();
    const own = early ?? (await challenger.measure());
    mine.push(own);
    theirs.push(other);
    ratios.push(own / other);
    const hopeless = hopelessRatios[round] ?? Number.POSITIVE_INFINITY;
    if (ratios.every((ratio) => ratio > hopeless)) break;
  }
  const [ms, otherMs] = [Math.min(...mine), Math.min(...theirs)];
  const ratio = Math.max(median(ratios), ms / otherMs);
  const longerMs = challenger.buildMs - incumbent.buildMs;
  const isSlowToBuild = countsBuilding && longerMs > runsPerBuild * (otherMs - ms);
  const outcome = !(ratio <= winningRatio) ? 'slower' : isSlowToBuild ? 'slow to build' : 'better';
  const account =
    `${formatMs(ms)} against ${formatMs(otherMs)}, ratio ${ratio.toFixed(2)}` +
    `${outcome === 'slow to build' ? `; ${formatMs(longerMs)} longer to build` : ''}`;
  return { outcome, ms, otherMs, account };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
