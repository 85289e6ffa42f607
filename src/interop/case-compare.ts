import { indexAt } from '../graph/tensor.ts';
import type { CaseTolerance, ParityCase } from './case-types.ts';
import { type NamedTensor, toFloat32 } from './safetensors.ts';

/** The element of a tensor that lies farthest from its expected value, measured by the tolerance. */
export interface WorstElement {
  readonly tensor: string;
  readonly index: readonly number[];
  readonly got: number;
  readonly expected: number;
  /** |got - expected| over the tolerance: at most 1 passes. Infinity for NaN and unequal integers. */
  readonly ratio: number;
}

/** Outcome of one tensor. `reason` says why it fails, and is null if it passes. */
export interface TensorComparison {
  readonly tensor: string;
  readonly reason: string | null;
  /** Null where there was nothing to compare: missing, of another shape or type, or empty. */
  readonly worst: WorstElement | null;
}

/** Outcome of a case: the comparison of every tensor in `checks`, in that order. */
export interface CaseComparison {
  readonly pass: boolean;
  readonly tensors: readonly TensorComparison[];
  /** The first tensor that fails without a worst element, else the one with the largest ratio. */
  readonly decisive: TensorComparison | null;
}

/** How far two tensors of one shape and type are apart, element by element. */
interface Distance {
  readonly got: ArrayLike<number | bigint>;
  readonly expected: ArrayLike<number | bigint>;
  /** Ratio of the error at an element to the tolerance there. */
  ratio(flat: number): number;
}

function readFloats(tensor: NamedTensor, name: string): Float32Array | Float64Array | null {
  if (tensor.data instanceof Float64Array) return tensor.data;
  const isFloat = tensor.dtype.startsWith('F') || tensor.dtype === 'BF16';
  return isFloat ? toFloat32(tensor, name) : null;
}

function measure(
  name: string,
  got: NamedTensor,
  expected: NamedTensor,
  { rtol, atol }: CaseTolerance,
): Distance {
  const have = readFloats(got, name);
  const want = readFloats(expected, name);
  if (have === null || want === null) {
    const equal = (flat: number) => got.data[flat] === expected.data[flat];
    return {
      got: got.data,
      expected: expected.data,
      ratio: (flat) => (equal(flat) ? 0 : Number.POSITIVE_INFINITY),
    };
  }
  const ratio = (flat: number): number => {
    const [a, b] = [have[flat] ?? Number.NaN, want[flat] ?? Number.NaN];
    if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.POSITIVE_INFINITY;
    const error = Math.abs(a - b);
    return error === 0 ? 0 : error / (atol + rtol * Math.abs(b));
  };
  return { got: have, expected: want, ratio };
}

/**
 * Compares a result with what a case expects, as strictly as the case format asks: a missing tensor,
 * another shape or type, and NaN or infinity anywhere fail; integers must be equal.
 *
 * @param name - Name of the tensor, for the outcome.
 * @param got - The result; undefined if there is none.
 * @param tolerance - An element passes if |got - expected| <= atol + rtol * |expected|.
 */
export function compareTensors(
  name: string,
  got: NamedTensor | undefined,
  expected: NamedTensor,
  tolerance: CaseTolerance,
): TensorComparison {
  const fail = (reason: string): TensorComparison => ({ tensor: name, reason, worst: null });
  if (got === undefined) return fail('missing');
  if (got.shape.join() !== expected.shape.join()) {
    return fail(`shape [${got.shape.join(', ')}], expected [${expected.shape.join(', ')}]`);
  }
  if (got.dtype !== expected.dtype) return fail(`type ${got.dtype}, expected ${expected.dtype}`);
  if (got.data.length !== expected.data.length) {
    return fail(`${got.data.length} elements, expected ${expected.data.length}`);
  }
  const distance = measure(name, got, expected, tolerance);
  let worstFlat = -1;
  let worstRatio = -1;
  let over = 0;
  for (let flat = 0; flat < expected.data.length; flat += 1) {
    const ratio = distance.ratio(flat);
    if (ratio > 1) over += 1;
    if (ratio > worstRatio) {
      worstRatio = ratio;
      worstFlat = flat;
    }
  }
  if (worstFlat < 0) return { tensor: name, reason: null, worst: null };
  const worst: WorstElement = {
    tensor: name,
    index: indexAt(expected.shape, worstFlat),
    got: Number(distance.got[worstFlat]),
    expected: Number(distance.expected[worstFlat]),
    ratio: worstRatio,
  };
  const reason = over === 0 ? null : `${over} of ${expected.data.length} elements out of tolerance`;
  return { tensor: name, reason, worst };
}

function isMoreTelling(a: TensorComparison, b: TensorComparison | null): boolean {
  if (b === null) return true;
  if (b.reason !== null && b.worst === null) return false;
  if (a.reason !== null && a.worst === null) return true;
  return (a.worst?.ratio ?? -1) > (b.worst?.ratio ?? -1);
}

/**
 * Compares the results of a case with all that it expects.
 *
 * @param results - The tensors produced, by name; more than asked for is no failure.
 * @returns Null if the case was stripped of its expected tensors, so that there is nothing to compare.
 */
export function compareCase(
  parsed: ParityCase,
  results: ReadonlyMap<string, NamedTensor>,
): CaseComparison | null {
  if (parsed.expected.size === 0) return null;
  const tensors: TensorComparison[] = [];
  for (const [name, tolerance] of parsed.tolerances) {
    const expected = parsed.expected.get(name);
    if (expected !== undefined) {
      tensors.push(compareTensors(name, results.get(name), expected, tolerance));
    }
  }
  let decisive: TensorComparison | null = null;
  for (const each of tensors) if (isMoreTelling(each, decisive)) decisive = each;
  return { pass: tensors.every(({ reason }) => reason === null), tensors, decisive };
}
