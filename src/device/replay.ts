import type { Plan } from '../schedule/plan.ts';
import { type Command, encodeRun } from './encode.ts';
import type { HeadStart } from './head-start.ts';
import type { Submission } from './submission.ts';

/** How a compiled plan is encoded, as often as it is run. */
export interface Replay {
  /** Prologue and repetition launch by launch, as far as they can be timed apart. */
  readonly prologue: readonly Command[];
  readonly commands: readonly Command[];
  /** Returns the number of dispatches. */
  encode(submission: Submission, repeats: number, runsPrologue: boolean): number;
}

/** A plan whose launches are dispatches. */
export class LaunchReplay implements Replay {
  /** @param headStart - what ran already, for the first run to go on from. */
  constructor(
    private readonly plan: Plan,
    readonly prologue: readonly Command[],
    readonly commands: readonly Command[],
    private headStart?: HeadStart,
  ) {}

  encode(submission: Submission, repeats: number, runsPrologue: boolean): number {
    const rest = this.#takeRest();
    const first = rest ?? (runsPrologue ? this.prologue : []);
    const left = rest ? repeats - 1 : repeats;
    encodeRun(submission, this.plan.name, first, this.commands, left);
    return first.length + left * this.commands.length;
  }

  /** What a head start that still stands has left of the first repetition. */
  #takeRest(): readonly Command[] | undefined {
    const { headStart } = this;
    this.headStart = undefined;
    if (!headStart?.stands()) return undefined;
    return this.commands.slice(headStart.commands.length);
  }
}

/**
 * A plan that one workgroup runs. How often a dispatch repeats it stands in a uniform that is written once:
 * there is a bind group for each power of two, so that a run uploads nothing.
 */
export class ResidentReplay implements Replay {
  readonly prologue: readonly Command[] = [];

  /**
   * @param runs - dispatches of 1, 2, 4, … repetitions.
   * @param firstRuns - the same with the prologue in front; empty where there is none.
   */
  constructor(
    private readonly plan: Plan,
    private readonly runs: readonly Command[],
    private readonly firstRuns: readonly Command[],
  ) {}

  get commands(): readonly Command[] {
    return this.runs.slice(0, 1);
  }

  encode(submission: Submission, repeats: number, runsPrologue: boolean): number {
    const chosen: Command[] = [];
    let [left, runs] = [
      repeats,
      runsPrologue && this.firstRuns.length > 0 ? this.firstRuns : this.runs,
    ];
    while (left > 0) {
      const power = Math.min(runs.length - 1, Math.floor(Math.log2(left)));
      chosen.push(runs[power] as Command);
      left -= 2 ** power;
      runs = this.runs;
    }
    encodeRun(submission, this.plan.name, [], chosen, 1);
    return chosen.length;
  }
}
