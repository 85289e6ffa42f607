import type { ScanAttributes } from './scan-shape.ts';

/** Time of a position in processing order. */
function timeOf({ steps, reverse }: ScanAttributes, position: number): number {
  return reverse ? steps - 1 - position : position;
}

/** Gates of one unit at one time step: [T, B, gates, H]. */
function gatesOf(
  { cell, batch, hiddenSize }: ScanAttributes,
  projected: Float64Array,
  t: number,
  at: number,
): { begin: number; x: Float64Array } {
  const row = t * batch + Math.floor(at / hiddenSize);
  const begin = row * cell.gates.length * hiddenSize + (at % hiddenSize);
  const x = Float64Array.from(
    cell.gates,
    (_name, g) => projected[begin + g * hiddenSize] as number,
  );
  return { begin, x };
}

/** Whether a time step is in the padding of a unit's row. */
function isPadding(
  { hiddenSize }: ScanAttributes,
  lengths: Int32Array | undefined,
  t: number,
  at: number,
): boolean {
  return lengths !== undefined && t >= (lengths[Math.floor(at / hiddenSize)] as number);
}

/** The scan in float64, one unit and one step at a time. Returns y and the final state. */
export function evaluateScan(
  attributes: ScanAttributes,
  projected: Float64Array,
  initial: Float64Array,
  lengths: Int32Array | undefined,
): Float64Array[] {
  const { cell, steps, batch, hiddenSize } = attributes;
  const row = batch * hiddenSize;
  const y = new Float64Array(steps * row);
  const h = Float64Array.from(initial);
  for (let position = 0; position < steps; position++) {
    const t = timeOf(attributes, position);
    for (let at = 0; at < row; at++) {
      if (!isPadding(attributes, lengths, t, at)) {
        const { a, b } = cell.coefficients(gatesOf(attributes, projected, t, at).x);
        h[at] = a * (h[at] as number) + b;
      }
      y[t * row + at] = h[at] as number;
    }
  }
  return [y, h];
}

/** Arguments of the reference's backward pass. */
interface ScanBackwardValues {
  readonly projected: Float64Array;
  readonly initial: Float64Array;
  readonly y: Float64Array;
  readonly lengths: Int32Array | undefined;
  readonly dOutput: Float64Array | undefined;
  readonly dFinal: Float64Array | undefined;
}

/** The scan's gradient in float64. Returns dProjected and dInitial. */
export function evaluateScanGradient(
  attributes: ScanAttributes,
  { projected, initial, y, lengths, dOutput, dFinal }: ScanBackwardValues,
): Float64Array[] {
  const { cell, steps, batch, hiddenSize } = attributes;
  const row = batch * hiddenSize;
  const dProjected = new Float64Array(projected.length);
  const dState = dFinal ? Float64Array.from(dFinal) : new Float64Array(row);
  for (let position = steps - 1; position >= 0; position--) {
    const t = timeOf(attributes, position);
    const before =
      position === 0
        ? initial
        : y.subarray(timeOf(attributes, position - 1) * row).subarray(0, row);
    for (let at = 0; at < row; at++) {
      const dh = (dState[at] as number) + (dOutput?.[t * row + at] ?? 0);
      dState[at] = dh;
      if (isPadding(attributes, lengths, t, at)) continue;
      const { begin, x } = gatesOf(attributes, projected, t, at);
      const dx = cell.gradient(x, dh * (before[at] as number), dh);
      for (const [g, value] of dx.entries()) dProjected[begin + g * hiddenSize] = value;
      dState[at] = cell.coefficients(x).a * dh;
    }
  }
  return [dProjected, dState];
}
