import { OptionError } from '../errors.ts';
import type { Precision } from '../graph/operator.ts';
import { finishStep } from '../kernels/generated/finish-step.ts';
import { packStruct, unpackStruct } from '../kernels/pack.ts';
import { sharedKeys } from '../schedule/program.ts';
import { checkNumber, positiveInteger, show } from './options.ts';

/**
 * How the gradients of f16 training are kept within its range: the loss's gradient is multiplied by a factor,
 * which the update divides out again. A step whose gradients overflow changes no weights and halves the factor;
 * enough steps in a row without one double it.
 *
 * @see Micikevicius et al. 2018, "Mixed precision training".
 */
export interface LossScaleOptions {
  /** The first factor, a power of two from 2⁻¹⁴ to 2²⁴. Default 65536. */
  readonly initial?: number | undefined;
  /** Steps without an overflow after which the factor doubles. Default 2000. */
  readonly growthSteps?: number | undefined;
}

/** {@link LossScaleOptions} after validation. */
export interface LossScaling {
  readonly initial: number;
  readonly growthSteps: number;
}

/** Where loss scaling stands. */
export interface LossScaleState {
  readonly factor: number;
  /** Steps since the last overflow or doubling. */
  readonly goodSteps: number;
}

/** Name of the graph's tensor that the loss's gradient starts from. */
export const lossScaleName = 'loss-scale';
/** Key of its buffer, which finish-step advances. */
export const lossScaleKey: string = sharedKeys.state(lossScaleName);
/** Size of the buffer: that of a state with one number. */
export const lossScaleBytes = 256;

const layout = finishStep.bindings.loss_scale.struct;

/** Bytes of the buffer's beginning. */
export function encodeLossScale({ factor, goodSteps }: LossScaleState): Uint8Array<ArrayBuffer> {
  return packStruct(layout, { factor, good_steps: goodSteps });
}

/** What the buffer holds. */
export function decodeLossScale(bytes: Uint8Array): LossScaleState {
  const { factor, good_steps: goodSteps } = unpackStruct(layout, bytes);
  return { factor, goodSteps };
}

/** Whether a value is a factor that finish-step can have reached. */
export function isLossScale(value: unknown): boolean {
  const power = Math.log2(value as number);
  return typeof value === 'number' && Number.isInteger(power) && power >= -14 && power <= 24;
}

/** @throws {OptionError} for a factor or interval that cannot be, and for f32. */
export function parseLossScale(
  options: LossScaleOptions | undefined,
  precision: Precision,
): LossScaling | undefined {
  if (precision === 'f32') {
    if (!options) return undefined;
    throw new OptionError(
      "Trainer: lossScale is given and precision is 'f32', expected none: float32 gradients need no " +
        "scaling. Leave lossScale out, or set precision: 'f16'.",
    );
  }
  const { initial = 65_536, growthSteps = 2000 } = options ?? {};
  if (!isLossScale(initial)) {
    throw new OptionError(
      `Trainer: lossScale.initial is ${show(initial)}, expected a power of two from 2^-14 to 2^24. ` +
        'Leave it out to begin at 65536.',
    );
  }
  return {
    initial,
    growthSteps: checkNumber('Trainer', 'lossScale.growthSteps', growthSteps, positiveInteger),
  };
}
