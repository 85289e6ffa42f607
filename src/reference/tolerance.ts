import type { Precision } from '../graph/operator.ts';

/** Distance between 1 and the next float32. */
const FLOAT32_EPSILON = 2 ** -23;

/** What an error bound depends on. */
export interface ToleranceRequest {
  /** Time steps that errors pass through; 1 where there is no recurrence. */
  readonly steps: number;
  /** Terms of the sums in one step. */
  readonly fanIn: number;
  /** Largest absolute value of the compared tensor. */
  readonly magnitude: number;
  /** How operands are stored; default `f32`. */
  readonly precision?: Precision | undefined;
}

/**
 * Largest absolute error that float32 arithmetic may make against float64, for tensors behind `steps` sums of
 * `fanIn` terms: rounding errors of a sum grow with the square root of its length, and add up over steps.
 *
 * The factor of 4 covers the activations. Observed on SwiftShader, worst ratio to this bound: see
 * `docs/numerics.md`.
 */
export function tolerance({ steps, fanIn, magnitude, precision }: ToleranceRequest): number {
  const arithmetic =
    4 * FLOAT32_EPSILON * steps * Math.sqrt(fanIn) * Math.max(magnitude, 1e-6) + 1e-9;
  return precision === 'f16' ? arithmetic + storageError(steps, magnitude) : arithmetic;
}

/** Distance between 1 and the next float16, and the least float16 above 0. */
const FLOAT16_EPSILON = 2 ** -10;
const FLOAT16_LEAST = 2 ** -24;

/**
 * What storing operands as f16 adds. A number is rounded when it is stored, by half a unit at most, and not at each
 * addition: the errors of a sum's terms are independent, so that relative to the sum they do not grow with its
 * length. They add up over steps like a random walk. The 4 stands for what a step reads: weights, projected input,
 * state and saved gates, or gate gradients. Numbers near the least f16 are rounded absolutely.
 */
function storageError(steps: number, magnitude: number): number {
  return 4 * (FLOAT16_EPSILON / 2) * Math.sqrt(steps) * magnitude + 4 * FLOAT16_LEAST;
}

/** Largest absolute value of a tensor, the magnitude its errors are measured against. */
export function largestMagnitude(values: ArrayLike<number>): number {
  let largest = 0;
  for (let at = 0; at < values.length; at++)
    largest = Math.max(largest, Math.abs(values[at] as number));
  return largest;
}
