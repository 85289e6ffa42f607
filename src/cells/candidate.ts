import { sigmoid } from './activations.ts';

/** g(v) = v + 0.5 for v ≥ 0, σ(v) below: a candidate that is positive and has no kink at 0. */
export function toPositive(v: number): number {
  return v >= 0 ? v + 0.5 : sigmoid(v);
}

/** Slope of {@link toPositive}. */
export function slopeOfPositive(v: number): number {
  return v >= 0 ? 1 : sigmoid(v) * sigmoid(-v);
}
