import { OptionError } from '../errors.ts';
import {
  atLeastZero,
  checkNumber,
  positive,
  positiveInteger,
  show,
  withDefaults,
} from './options.ts';
import { type PlateauOptions, parsePlateau } from './plateau.ts';

/** The curve of a learning rate after its warm-up. */
export type LearningRateCurve =
  | { readonly kind: 'constant' }
  | { readonly kind: 'step'; readonly stepSize: number; readonly gamma: number }
  | { readonly kind: 'cosine'; readonly totalSteps: number; readonly minimum: number };

/** A learning-rate schedule as plain data, evaluated on the GPU by finish-step. */
export interface LearningRateSchedule {
  readonly curve: LearningRateCurve;
  /** A linear rise in front of the curve, from `startFactor` times the base rate. */
  readonly warmUp?: { readonly steps: number; readonly startFactor: number };
  /** Lowers the rate where the loss no longer falls; see `PlateauController`. */
  readonly plateau?: Required<PlateauOptions>;
}

/** The base rate at every step. */
export function constantRate(): LearningRateSchedule {
  return { curve: { kind: 'constant' } };
}

/**
 * Multiplies the rate by `gamma` after every `stepSize` steps (PyTorch's StepLR).
 *
 * @param options - `gamma` is 0.1 unless given.
 * @throws {OptionError} for options out of range.
 */
export function stepDecay(options: { stepSize: number; gamma?: number }): LearningRateSchedule {
  const where = 'stepDecay';
  const { stepSize, gamma } = withDefaults(where, options, { stepSize: Number.NaN, gamma: 0.1 });
  checkNumber(where, 'stepSize', stepSize, positiveInteger);
  checkNumber(where, 'gamma', gamma, positive);
  return { curve: { kind: 'step', stepSize, gamma } };
}

/**
 * Half a cosine from the base rate to `minimum` over `totalSteps` steps (PyTorch's CosineAnnealingLR).
 * Afterwards the rate rises again as PyTorch's does: let `totalSteps` be the length of the training.
 *
 * @param options - `minimum` is 0 unless given.
 * @throws {OptionError} for options out of range.
 */
export function cosineDecay(options: {
  totalSteps: number;
  minimum?: number;
}): LearningRateSchedule {
  const where = 'cosineDecay';
  const { totalSteps, minimum } = withDefaults(where, options, {
    totalSteps: Number.NaN,
    minimum: 0,
  });
  checkNumber(where, 'totalSteps', totalSteps, positiveInteger);
  checkNumber(where, 'minimum', minimum, atLeastZero);
  return { curve: { kind: 'cosine', totalSteps, minimum } };
}

/**
 * Lowers the rate by `factor` where the loss has stopped falling (PyTorch's ReduceLROnPlateau). The host
 * decides at readback boundaries, so the steps themselves never wait.
 *
 * @throws {OptionError} for options out of range.
 */
export function reduceOnPlateau(options: PlateauOptions = {}): LearningRateSchedule {
  return { curve: { kind: 'constant' }, plateau: parsePlateau(options) };
}

/**
 * A linear rise over `steps` steps in front of another schedule, which then starts at its own step 0.
 *
 * @param options - `startFactor` is the first step's share of the base rate, 1/3 unless given (PyTorch's
 *   LinearLR).
 * @throws {OptionError} for options out of range, or a schedule that has a warm-up already.
 */
export function warmUp(
  options: { steps: number; startFactor?: number },
  schedule: LearningRateSchedule = constantRate(),
): LearningRateSchedule {
  const where = 'warmUp';
  const given = withDefaults(where, options, { steps: Number.NaN, startFactor: 1 / 3 });
  checkNumber(where, 'steps', given.steps, positiveInteger);
  checkNumber(where, 'startFactor', given.startFactor, {
    accepts: (value) => value > 0 && value <= 1,
    expected: 'a number above 0 and at most 1',
  });
  if (schedule.warmUp) {
    throw new OptionError('warmUp: the schedule has a warm-up already, expected none. Remove one.');
  }
  return { ...schedule, warmUp: given };
}

/**
 * A schedule that was plain data, e.g. in a checkpoint.
 *
 * @throws {OptionError} for anything that the functions above would not have made.
 */
export function parseSchedule(value: object): LearningRateSchedule {
  const {
    curve,
    warmUp: rise,
    plateau,
  } = withDefaults<{
    curve: { readonly kind?: unknown };
    warmUp: Parameters<typeof warmUp>[0] | undefined;
    plateau: PlateauOptions | undefined;
  }>('schedule', value, { curve: {}, warmUp: undefined, plateau: undefined });
  const schedule = {
    curve: parseCurve(curve),
    ...(plateau && { plateau: parsePlateau(plateau) }),
  };
  return rise ? warmUp(rise, schedule) : schedule;
}

function parseCurve(value: { readonly kind?: unknown }): LearningRateCurve {
  const { kind, ...options } = value;
  switch (kind) {
    case 'constant':
      withDefaults('constantRate', options, {});
      return constantRate().curve;
    case 'step':
      return stepDecay(options as Parameters<typeof stepDecay>[0]).curve;
    case 'cosine':
      return cosineDecay(options as Parameters<typeof cosineDecay>[0]).curve;
    default:
      throw new OptionError(
        `schedule: kind is ${show(kind)}, expected one of constant, step, cosine.`,
      );
  }
}

/**
 * Learning rate of a step, without what the plateau controller multiplies it by: the float64 reference
 * of finish-step.
 *
 * @param step - Steps finished before this one; the first is 0.
 */
export function learningRateAt(schedule: LearningRateSchedule, base: number, step: number): number {
  const { curve, warmUp } = schedule;
  const warm = warmUp?.steps ?? 0;
  if (warmUp && step < warm) {
    return base * (warmUp.startFactor + (1 - warmUp.startFactor) * (step / warm));
  }
  const position = step - warm;
  switch (curve.kind) {
    case 'constant':
      return base;
    case 'step':
      return base * curve.gamma ** Math.floor(position / curve.stepSize);
    case 'cosine': {
      const angle = (Math.PI * position) / curve.totalSteps;
      return curve.minimum + ((base - curve.minimum) * (1 + Math.cos(angle))) / 2;
    }
  }
}
