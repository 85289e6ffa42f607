import { OptionError } from '../errors.ts';
import { checkNumber, positive } from './options.ts';

/** How gradients are limited before the update; at most one of the two. */
export interface ClippingOptions {
  /** Largest norm of all gradients together; larger ones are scaled down to it. */
  readonly clipNorm?: number | undefined;
  /** Largest absolute value of a gradient's element; larger ones are cut off. */
  readonly clipValue?: number | undefined;
}

/** {@link ClippingOptions} after validation. */
export interface Clipping {
  readonly clipNorm?: number;
  readonly clipValue?: number;
}

/** @throws {OptionError} for limits that are not positive, or both at once. */
export function parseClipping({ clipNorm, clipValue }: ClippingOptions): Clipping {
  if (clipNorm !== undefined && clipValue !== undefined) {
    throw new OptionError(
      `clipNorm is ${clipNorm} and clipValue is ${clipValue}, expected one of the two. Remove one.`,
    );
  }
  if (clipNorm !== undefined) {
    return { clipNorm: checkNumber('clipping', 'clipNorm', clipNorm, positive) };
  }
  if (clipValue !== undefined) {
    return { clipValue: checkNumber('clipping', 'clipValue', clipValue, positive) };
  }
  return {};
}

/** Norm of all gradients together, the float64 reference of gradient-norm and finish-step. */
export function globalNorm(gradients: Iterable<Float64Array>): number {
  let sum = 0;
  for (const gradient of gradients) for (const value of gradient) sum += value * value;
  return Math.sqrt(sum);
}

/**
 * Clips gradients in place, as PyTorch's `clip_grad_norm_` and `clip_grad_value_` do.
 *
 * @returns the global norm before clipping.
 */
export function clipGradients(gradients: readonly Float64Array[], clipping: Clipping): number {
  const norm = globalNorm(gradients);
  const { clipNorm, clipValue } = clipping;
  const scale = clipNorm === undefined ? 1 : Math.min(1, clipNorm / (norm + 1e-6));
  const limit = clipValue ?? Number.POSITIVE_INFINITY;
  for (const gradient of gradients) {
    for (const [index, value] of gradient.entries()) {
      gradient[index] = Math.max(-limit, Math.min(limit, value * scale));
    }
  }
  return norm;
}
