import type { Cell, CellGradient, CellNorm, CellStep } from '../cells/cell.ts';
import { coversGates } from '../cells/normalized.ts';
import type { Values } from '../graph/operator.ts';

const EPSILON = 1e-5;

/** Mean and 1 / deviation of `count` values from `begin` on. */
export function describeValues(values: Values, begin: number, count: number): [number, number] {
  let sum = 0;
  for (let at = begin; at < begin + count; at++) sum += values[at] as number;
  const mean = sum / count;
  let squares = 0;
  for (let at = begin; at < begin + count; at++) squares += ((values[at] as number) - mean) ** 2;
  return [mean, 1 / Math.sqrt(squares / count + EPSILON)];
}

/** The gate whose product is a norm's first value; undefined where that is a vector. */
function firstGateOf(cell: Cell, norm: CellNorm): number | undefined {
  return coversGates(cell, norm) ? cell.phases[norm.phase - 1]?.[0] : undefined;
}

function normalOf(norm: CellNorm, saved: Float64Array, index: number): number {
  const [mean, inverse] = saved.subarray(norm.statistics) as unknown as [number, number];
  return ((saved[norm.values + index] as number) - mean) * inverse;
}

/** Hands a unit its normalised values. */
export function normalizeStep(
  cell: Cell,
  norm: CellNorm,
  step: CellStep,
  statistics: readonly [number, number],
): void {
  const { saved, u, parameters } = step;
  saved.set(statistics, norm.statistics);
  const gate = firstGateOf(cell, norm);
  for (let index = 0; index < norm.count; index++) {
    const gain = parameters[norm.gain + index] as number;
    const value = gain * normalOf(norm, saved, index) + (parameters[norm.shift + index] as number);
    if (gate === undefined) step.vector = value;
    else u[gate + index] = value;
  }
}

/** What a unit's normalised values have of a gradient becomes that of its gains and shifts. */
export function keepNormGradient(cell: Cell, norm: CellNorm, gradient: CellGradient): void {
  const { saved, du, dVector, dParameters } = gradient;
  const gate = firstGateOf(cell, norm);
  for (let index = 0; index < norm.count; index++) {
    const d = gate === undefined ? dVector : (du[gate + index] as number);
    dParameters[norm.shift + index] = d;
    dParameters[norm.gain + index] = d * normalOf(norm, saved, index);
  }
}

/** A row's means of g and g·x̂, g being the gradient of its normalised values before gain and shift. */
export function describeGradients(
  { gain, shift, count }: CellNorm,
  units: number,
  parameter: (index: number, unit: number) => number,
  gradient: (index: number, unit: number) => number,
): [number, number] {
  let [sum, products] = [0, 0];
  for (let index = 0; index < count; index++) {
    for (let unit = 0; unit < units; unit++) {
      const weight = parameter(gain + index, unit);
      sum += weight * gradient(shift + index, unit);
      products += weight * gradient(gain + index, unit);
    }
  }
  return [sum / (count * units), products / (count * units)];
}

/** Hands the phase that has saved a unit's values their gradient, from that of gains and shifts. */
export function differentiateNorm(
  cell: Cell,
  norm: CellNorm,
  gradient: CellGradient,
  [mean, meanProduct]: readonly [number, number],
): void {
  const { saved, du, parameters, dParameters } = gradient;
  const inverse = saved[norm.statistics + 1] as number;
  const gate = firstGateOf(cell, norm);
  for (let index = 0; index < norm.count; index++) {
    const g =
      (parameters[norm.gain + index] as number) * (dParameters[norm.shift + index] as number);
    const d = inverse * (g - mean - normalOf(norm, saved, index) * meanProduct);
    if (gate === undefined) gradient.dVector = d;
    else du[gate + index] = d;
  }
}
