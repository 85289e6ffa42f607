import { OptionError } from '../errors.ts';
import { atLeastZero, checkNumber, show, wholeNumber, withDefaults } from './options.ts';

/** Options of PyTorch's ReduceLROnPlateau, with its defaults. */
export interface PlateauOptions {
  /** Whether a smaller or a larger metric is better. Default `'min'`. */
  readonly mode?: 'min' | 'max';
  /** What the rate is multiplied by. Default 0.1. */
  readonly factor?: number;
  /** Observations without improvement that are borne before the rate falls. Default 10. */
  readonly patience?: number;
  /** Smallest change that counts as an improvement. Default 1e-4. */
  readonly threshold?: number;
  /** Whether `threshold` is a share of the best metric or a difference. Default `'rel'`. */
  readonly thresholdMode?: 'rel' | 'abs';
  /** Observations after a reduction that are not counted. Default 0. */
  readonly cooldown?: number;
  /** The base rate never falls below it. Default 0. */
  readonly minimum?: number;
  /** Smallest change of the rate that is carried out. Default 1e-8. */
  readonly epsilon?: number;
}

const defaults: Required<PlateauOptions> = {
  mode: 'min',
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  thresholdMode: 'rel',
  cooldown: 0,
  minimum: 0,
  epsilon: 1e-8,
};

/** @throws {OptionError} for options that are unknown or out of range. */
export function parsePlateau(given: PlateauOptions): Required<PlateauOptions> {
  const where = 'reduceOnPlateau';
  const options = withDefaults(where, given, defaults);
  checkNumber(where, 'factor', options.factor, {
    accepts: (value) => value > 0 && value < 1,
    expected: 'a number above 0 and below 1',
  });
  checkNumber(where, 'patience', options.patience, wholeNumber);
  checkNumber(where, 'cooldown', options.cooldown, wholeNumber);
  checkNumber(where, 'threshold', options.threshold, atLeastZero);
  checkNumber(where, 'minimum', options.minimum, atLeastZero);
  checkNumber(where, 'epsilon', options.epsilon, atLeastZero);
  checkWord(where, 'mode', options.mode, ['min', 'max']);
  checkWord(where, 'thresholdMode', options.thresholdMode, ['rel', 'abs']);
  return options;
}

function checkWord(where: string, name: string, value: unknown, words: readonly string[]): void {
  if (typeof value === 'string' && words.includes(value)) return;
  throw new OptionError(`${where}: ${name} is ${show(value)}, expected ${words.join(' or ')}.`);
}

/** What a `PlateauController` remembers between observations; plain data for checkpoints. */
export interface PlateauState {
  /** Best metric so far; null before the first observation. */
  readonly best: number | null;
  readonly badObservations: number;
  readonly cooldownLeft: number;
  /** The base learning rate as lowered so far. */
  readonly learningRate: number;
}

/** Lowers a learning rate where a metric has stopped improving, on the host. */
export class PlateauController {
  readonly #options: Required<PlateauOptions>;
  readonly #base: number;
  #state: PlateauState;

  /**
   * @param base - The optimizer's learning rate.
   * @param state - What an earlier controller's `state` was, to resume.
   */
  constructor(options: Required<PlateauOptions>, base: number, state?: PlateauState) {
    this.#options = options;
    this.#base = base;
    this.#state = state ?? { best: null, badObservations: 0, cooldownLeft: 0, learningRate: base };
  }

  get state(): PlateauState {
    return this.#state;
  }

  /** Factor of every learning rate of the schedule: TrainingState's `learning_rate_scale`. */
  get scale(): number {
    return this.#base === 0 ? 1 : this.#state.learningRate / this.#base;
  }

  /**
   * Takes note of a metric, e.g. the mean loss since the last observation.
   *
   * @returns whether {@link scale} has changed.
   */
  observe(metric: number): boolean {
    let { best, badObservations, cooldownLeft, learningRate } = this.#state;
    if (best === null ? !Number.isNaN(metric) : this.#isBetter(metric, best)) {
      best = metric;
      badObservations = 0;
    } else {
      badObservations++;
    }
    if (cooldownLeft > 0) {
      cooldownLeft--;
      badObservations = 0;
    }
    const before = learningRate;
    if (badObservations > this.#options.patience) {
      const lowered = Math.max(learningRate * this.#options.factor, this.#options.minimum);
      if (learningRate - lowered > this.#options.epsilon) learningRate = lowered;
      cooldownLeft = this.#options.cooldown;
      badObservations = 0;
    }
    this.#state = { best, badObservations, cooldownLeft, learningRate };
    return learningRate !== before;
  }

  #isBetter(metric: number, best: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const sign = mode === 'min' ? -1 : 1;
    const bound = thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold;
    return mode === 'min' ? metric < bound : metric > bound;
  }
}

/** Steps whose mean loss counts as one observation of a plateau. */
const WINDOW_STEPS = 50;

/** Feeds a {@link PlateauController} with the mean loss of every {@link WINDOW_STEPS} steps. */
export class PlateauWindow {
  readonly #controller: PlateauController;
  #losses: number[];

  /** @param losses - those since the last observation, to resume. */
  constructor(controller: PlateauController, losses: readonly number[] = []) {
    this.#controller = controller;
    this.#losses = [...losses];
  }

  /** What a checkpoint keeps. */
  get saved(): { plateau: PlateauState; plateauLosses: readonly number[] } {
    return { plateau: this.#controller.state, plateauLosses: [...this.#losses] };
  }

  /** Steps from `step` on until the next observation, after which the rate may change. */
  stepsLeft(step: number): number {
    return WINDOW_STEPS - (step % WINDOW_STEPS);
  }

  /** @returns the new factor of all learning rates, if it has changed. */
  observe(loss: number): number | undefined {
    this.#losses.push(loss);
    if (this.#losses.length < WINDOW_STEPS) return undefined;
    const mean = this.#losses.reduce((sum, value) => sum + value, 0) / WINDOW_STEPS;
    this.#losses = [];
    return this.#controller.observe(mean) ? this.#controller.scale : undefined;
  }
}
