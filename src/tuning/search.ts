import { describeAxes, orderAxes, type Tunable } from '../graph/tunable.ts';
import { type Contender, type Duel, type DuelOptions, fight } from './duel.ts';

/** A shape that is out of the contest. */
export interface Refusal {
  readonly outcome: 'wrong' | 'failed';
  readonly reason: string;
}

/** What became of a candidate. */
export type CandidateOutcome = Duel['outcome'] | Refusal['outcome'];

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
export interface SearchOptions<S extends object> extends Omit<DuelOptions, 'rounds'> {
  /** Where an earlier search was interrupted: the shape it had reached, and all it had tried. */
  readonly earlier?: { readonly shape: S; readonly tried: readonly string[] } | undefined;
  /** Whether to begin with no further candidate. */
  isOver(): boolean;
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

/** Rounds of a duel. */
export const duelRounds = 5;
/** Rounds of the last duel, between the winner and the rule's shape. */
export const finalRounds = 9;

/**
 * Looks for a shape that is faster than the rule's: first the forms that the tunable names, then, from the best
 * of them, one step along one axis at a time for as long as that helps. A candidate replaces the best so far by
 * the rule of {@link fight}. In the end the winner meets the rule's shape once more: one that was only lucky
 * leaves the rule's shape in place.
 *
 * @throws {TypeError} if the rule's own shape is refused.
 */
export async function searchShape<S extends object>(
  tunable: Tunable<S>,
  arena: Arena<S>,
  options: SearchOptions<S>,
): Promise<SearchResult<S>> {
  const rule = await arena.prepare(tunable.builtIn);
  if ('outcome' in rule) throw new TypeError(`${tunable.key}: ${rule.reason}`);
  const search = new ShapeSearch(tunable, arena, options, rule);
  try {
    return await search.run();
  } finally {
    search.dispose();
  }
}

class ShapeSearch<S extends object> {
  readonly #tried: Set<string>;
  #best: { readonly shape: S; readonly contender: Contender };
  #isComplete = true;
  /** Least time of a run with the rule's shape so far. */
  #ruleMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly tunable: Tunable<S>,
    private readonly arena: Arena<S>,
    private readonly options: SearchOptions<S>,
    private readonly rule: Contender,
  ) {
    const { builtIn } = tunable;
    this.#best = { shape: builtIn, contender: rule };
    this.#tried = new Set([describeAxes(builtIn), ...(options.earlier?.tried ?? [])]);
  }

  async run(): Promise<SearchResult<S>> {
    const { tunable, rule, options } = this;
    const { earlier } = options;
    if (earlier && this.#nameOf(earlier.shape) !== describeAxes(tunable.builtIn)) {
      // It must show its worth again.
      this.#tried.delete(this.#nameOf(earlier.shape));
      await this.#challenge([earlier.shape]);
    }
    await this.#challenge(tunable.seeds());
    while (await this.#challenge(tunable.neighbours(this.#best.shape), 1)) {
      // On from there.
    }
    const ended = {
      candidates: this.#tried.size,
      ...(this.#isComplete ? {} : { interrupted: [...this.#tried] }),
    };
    const { shape, contender } = this.#best;
    if (contender === rule) {
      const ms = Math.min(this.#ruleMs, await rule.measure(), await rule.measure());
      return { shape, ms, ruleMs: ms, ...ended };
    }
    const last = await fight(contender, rule, { ...options, rounds: finalRounds });
    const { outcome, ms } = last;
    const ruleMs = outcome === 'better' ? last.otherMs : Math.min(this.#ruleMs, last.otherMs);
    return outcome === 'better'
      ? { shape, ms, ruleMs, ...ended }
      : { shape: tunable.builtIn, ms: ruleMs, ruleMs, ...ended };
  }

  dispose(): void {
    if (this.#best.contender !== this.rule) this.#best.contender.dispose();
    this.rule.dispose();
  }

  /** Tries shapes in order until `most` of them have taken over. Returns whether any has. */
  async #challenge(shapes: readonly S[], most = Number.POSITIVE_INFINITY): Promise<boolean> {
    const { options } = this;
    let winners = 0;
    for (const given of shapes) {
      const shape = orderAxes(given, this.tunable.builtIn);
      if (this.#tried.has(describeAxes(shape))) continue;
      options.pause();
      this.#isComplete &&= !options.isOver();
      if (!this.#isComplete) return false;
      this.#tried.add(describeAxes(shape));
      if (!(await this.#tryShape(shape))) continue;
      winners += 1;
      if (winners === most) break;
    }
    return winners > 0;
  }

  /** Returns whether the shape is now the best. */
  async #tryShape(shape: S): Promise<boolean> {
    const { arena, rule, options } = this;
    const contender = await arena.prepare(shape);
    if ('outcome' in contender) {
      options.report({ shape, ...contender });
      return false;
    }
    const incumbent = this.#best.contender;
    let isBetter = false;
    try {
      const { outcome, account, otherMs } = await fight(contender, incumbent, {
        ...options,
        rounds: duelRounds,
      });
      if (incumbent === rule) this.#ruleMs = Math.min(this.#ruleMs, otherMs);
      isBetter = outcome === 'better';
      options.report({ shape, outcome, reason: account });
    } finally {
      if (!isBetter) contender.dispose();
    }
    if (!isBetter) return false;
    if (incumbent !== rule) incumbent.dispose();
    this.#best = { shape, contender };
    return true;
  }

  #nameOf(shape: S): string {
    return describeAxes(orderAxes(shape, this.tunable.builtIn));
  }
}
