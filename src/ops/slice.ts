import { ShapeError } from '../errors.ts';
import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, Operator, Values, View } from '../graph/operator.ts';
import {
  applyUnary,
  formatShape,
  type GraphNode,
  type SymbolicTensor,
  sizeOf,
} from '../graph/tensor.ts';
import { launchStridedCopy, matchStored } from './copy-strided.ts';
import type { RowRange } from './linear.ts';
import { reshape } from './reshape.ts';

/** Storage may be bound from multiples of this on. */
const ALIGNMENT_BYTES = 256;

/** A tensor's axes as [outer, extent, inner] around one axis. */
function splitAround(shape: readonly number[], axis: number): [number, number, number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis] as number, sizeOf(shape.slice(axis + 1))];
}

function withExtent(shape: readonly number[], axis: number, extent: number): number[] {
  return shape.map((old, index) => (index === axis ? extent : old));
}

/** Builds a tensor element by element from the place in `x` that `from` names; undefined gives 0. */
function gather(
  x: Values,
  [outer, extent, inner]: readonly [number, number, number],
  from: (i: number, j: number, k: number) => number | undefined,
): Values {
  const length = outer * extent * inner;
  const y = x instanceof Int32Array ? new Int32Array(length) : new Float64Array(length);
  for (let index = 0; index < length; index++) {
    const row = Math.floor(index / inner);
    const source = from(Math.floor(row / extent), row % extent, index % inner);
    if (source !== undefined) y[index] = x[source] as number;
  }
  return y;
}

interface SliceAttributes {
  readonly axis: number;
  readonly begin: number;
  readonly end: number;
}

/** Cuts a range out of an axis. */
export const sliceOperator: Operator<SliceAttributes> = {
  name: 'slice',
  readsHalf: () => true,
  infer([x], { axis, begin, end }, label) {
    const shape = x?.shape ?? [];
    const extent = shape[axis];
    if (extent === undefined) {
      throw new ShapeError(`${label}: input is a scalar [], expected at least one axis.`);
    }
    const isRange =
      [begin, end].every(Number.isInteger) && begin >= 0 && begin < end && end <= extent;
    if (!isRange) {
      throw new ShapeError(
        `${label}: range ${begin} to ${end} of axis ${axis} of ${formatShape(shape)}, expected ` +
          `0 ≤ begin < end ≤ ${extent}.`,
      );
    }
    return [{ shape: withExtent(shape, axis, end - begin), dtype: x?.dtype ?? 'f32' }];
  },
  differentiate(node, [dy]) {
    const [x] = node.inputs as [SymbolicTensor];
    const { axis, begin } = node.attributes;
    return dy ? [pad(dy, axis, begin, x.shape[axis] as number, `${node.label}.gradient`)] : [];
  },
  evaluate([x], { axis, begin }, _context, node) {
    const [, extent, inner] = splitAround(node.inputs[0]?.shape ?? [], axis);
    const box = splitAround(node.outputs[0]?.shape ?? [], axis);
    return [gather(x as Values, box, (i, j, k) => (i * extent + begin + j) * inner + k)];
  },
  lower(node, lowering) {
    const [x] = node.inputs as [SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    const { axis, begin } = node.attributes;
    const [outer, , inner] = splitAround(x.shape, axis);
    const stored = lowering.stored(x);
    const size = numberBytes(stored);
    const offsetBytes = stored.offsetBytes + size * begin * inner;
    if (outer === 1 && offsetBytes % ALIGNMENT_BYTES === 0) {
      const bytes = 4 * Math.ceil((size * y.size) / 4);
      lowering.define(y, { ...stored, offsetBytes, bytes });
      return;
    }
    launchBoxes(lowering, node, { label: node.label, first: 0, count: outer });
  },
};

interface PadAttributes {
  readonly axis: number;
  /** Zeros in front. */
  readonly begin: number;
  /** Extent of the axis afterwards. */
  readonly extent: number;
}

/** The gradient of a slice: zeros around it. */
export const padOperator: Operator<PadAttributes> = {
  name: 'pad',
  readsHalf: () => true,
  infer: ([x], { axis, extent }) => [
    { shape: withExtent(x?.shape ?? [], axis, extent), dtype: x?.dtype ?? 'f32' },
  ],
  differentiate(node, [dy]) {
    const [x] = node.inputs as [SymbolicTensor];
    const { axis, begin } = node.attributes;
    const end = begin + (x.shape[axis] as number);
    return dy ? [slice(dy, axis, begin, end, `${node.label}.gradient`)] : [];
  },
  evaluate([x], { axis, begin }, _context, node) {
    const [, extent, inner] = splitAround(node.inputs[0]?.shape ?? [], axis);
    const box = splitAround(node.outputs[0]?.shape ?? [], axis);
    const from = (i: number, j: number, k: number) =>
      j >= begin && j < begin + extent ? (i * extent + j - begin) * inner + k : undefined;
    return [gather(x as Values, box, from)];
  },
  lower(node, lowering) {
    const [y] = node.outputs as [SymbolicTensor];
    const [outer] = splitAround(y.shape, node.attributes.axis);
    launchBoxes(lowering, node, { label: node.label, first: 0, count: outer });
  },
};

/** Whether a slice or its gradient keeps rows apart: it works on the last axis, and its boxes are rows. */
export function keepsRows({ attributes, outputs }: GraphNode): boolean {
  const { axis } = attributes as SliceAttributes | PadAttributes;
  return axis === (outputs[0]?.shape.length ?? 0) - 1;
}

/** Emits a slice, or its gradient, for some of what lies outside of its axis. */
export function launchBoxes(
  lowering: Lowering,
  node: GraphNode,
  { label, first, count }: RowRange,
): void {
  const [x] = node.inputs as [SymbolicTensor];
  const [y] = node.outputs as [SymbolicTensor];
  const { axis, begin } = node.attributes as SliceAttributes | PadAttributes;
  const [, from, inner] = splitAround(x.shape, axis);
  const [, to] = splitAround(y.shape, axis);
  const pads = node.op === (padOperator as unknown);
  const { sources, target } = matchStored(lowering, [x], y);
  launchStridedCopy(lowering, {
    label,
    source: sources[0] as View,
    sourceOffset: (first * from + (pads ? -begin : begin)) * inner,
    sourceStrides: [from * inner, inner, 1],
    target,
    targetOffset: first * to * inner,
    targetStrides: [to * inner, inner, 1],
    extents: [count, to, inner],
    ...(pads && { window: { begin, end: begin + from } }),
  });
}

const reverseOperator: Operator<null> = {
  name: 'reverse-time',
  infer([x], _attributes, label) {
    if (!x || x.shape.length === 0) {
      throw new ShapeError(`${label}: input is a scalar [], expected [steps, ...].`);
    }
    return [x];
  },
  differentiate: (node, [dy]) => (dy ? [reverseTime(dy, `${node.label}.gradient`)] : []),
  evaluate([x], _attributes, _context, node) {
    const box = splitAround(node.inputs[0]?.shape ?? [], 0);
    const [, steps, inner] = box;
    return [gather(x as Values, box, (_, j, k) => (steps - 1 - j) * inner + k)];
  },
  lower(node, lowering) {
    const [x] = node.inputs as [SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    const [, steps, inner] = splitAround(x.shape, 0);
    launchStridedCopy(lowering, {
      label: node.label,
      source: lowering.view(x),
      sourceOffset: (steps - 1) * inner,
      sourceStrides: [-inner, 1],
      target: lowering.output(y),
      targetOffset: 0,
      targetStrides: [inner, 1],
      extents: [steps, inner],
    });
  },
};

function slice(x: SymbolicTensor, axis: number, begin: number, end: number, label: string) {
  return applyUnary(sliceOperator, [x], { axis, begin, end }, label);
}

function pad(x: SymbolicTensor, axis: number, begin: number, extent: number, label: string) {
  return applyUnary(padOperator, [x], { axis, begin, extent }, label);
}

/**
 * Time steps `begin` to `end`, the end left out. Where memory alignment allows, nothing is copied.
 *
 * @param x - [T, ...].
 * @returns [end − begin, ...].
 * @throws {ShapeError} if the range is empty or leaves the axis.
 */
export function sliceTime(
  x: SymbolicTensor,
  begin: number,
  end: number,
  label = 'slice-time',
): SymbolicTensor {
  return slice(x, 0, begin, end, label);
}

/** Columns `begin` to `end` of the last axis, the end left out: [..., N] → [..., end − begin]. */
export function sliceColumns(
  x: SymbolicTensor,
  begin: number,
  end: number,
  label = 'slice-columns',
): SymbolicTensor {
  return slice(x, Math.max(0, x.shape.length - 1), begin, end, label);
}

/** The last time step: [T, ...] → [...]. */
export function lastStep(x: SymbolicTensor, label = 'last-step'): SymbolicTensor {
  const [steps = 0, ...rest] = x.shape;
  return reshape(slice(x, 0, steps - 1, steps, `${label}.slice`), rest, label);
}

/** The time steps in reverse order: [T, ...] → [T, ...]. */
export function reverseTime(x: SymbolicTensor, label = 'reverse-time'): SymbolicTensor {
  return applyUnary(reverseOperator, [x], null, label);
}
