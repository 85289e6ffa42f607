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
}

/**
 * Largest absolute error that float32 arithmetic may make against float64, for tensors behind `steps` sums of
 * `fanIn` terms: rounding errors of a sum grow with the square root of its length, and add up over steps.
 *
 * The factor of 4 covers the activations. Observed on SwiftShader, worst ratio to this bound: see
 * `docs/numerics.md`.
 */
export function tolerance({ steps, fanIn, magnitude }: ToleranceRequest): number {
  return 4 * FLOAT32_EPSILON * steps * Math.sqrt(fanIn) * Math.max(magnitude, 1e-6) + 1e-9;
}

/** Largest absolute value of a tensor, the magnitude its errors are measured against. */
export function largestMagnitude(values: ArrayLike<number>): number {
  let largest = 0;
  for (let at = 0; at < values.length; at++)
    largest = Math.max(largest, Math.abs(values[at] as number));
  return largest;
}
