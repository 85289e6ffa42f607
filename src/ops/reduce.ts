import { ShapeError } from '../errors.ts';
import type { Lowering, Operator, Values, View } from '../graph/operator.ts';
import { applyUnary, formatShape, type SymbolicTensor, sizeOf } from '../graph/tensor.ts';
import { reduceSum } from '../kernels/generated/reduce-sum.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { launchColumnSums } from './column-sums.ts';
import { launchStridedCopy } from './copy-strided.ts';
import { chooseSumming } from './grid.ts';
import { requireFloats } from './pointwise.ts';
import { scale } from './unary.ts';
import { unusedInput } from './unused.ts';

/** Elements one workgroup adds up before a second one joins in. */
const ELEMENTS_PER_GROUP = 4096;
const MOST_GROUPS = 256;
/** A sum over all elements of `left`, or of (left − right)². */
export interface SumRequest {
  readonly label: string;
  readonly left: View;
  readonly right?: View;
  readonly count: number;
  readonly factor: number;
  readonly output: View;
}

/** Emits the launches of a sum: one, or two where the tensor is large. */
export function launchSum(lowering: Lowering, request: SumRequest): void {
  const { label, left, right, count, factor, output } = request;
  const groups = Math.min(MOST_GROUPS, Math.ceil(count / ELEMENTS_PER_GROUP));
  const partial = groups > 1 ? lowering.scratch(`${label}.parts`, 4 * groups) : undefined;
  lowering.launch(
    defineLaunch(reduceSum, {
      label: partial ? `${label}.parts` : label,
      constants: {
        count,
        takes_difference: right !== undefined,
        factor: partial ? 1 : factor,
        ...chooseSumming(lowering.limits),
      },
      bindings: { left, right: right ?? unusedInput(lowering), output: partial ?? output },
      workgroups: [groups, 1, 1],
      cost: {
        flops: (right ? 3 : 1) * count,
        readBytes: (right ? 8 : 4) * count,
        writtenBytes: 4 * groups,
      },
    }),
  );
  if (partial) launchSum(lowering, { label, left: partial, count: groups, factor, output });
}

/** Whether `part` is the end of `shape`. */
export function isTrailingShape(part: readonly number[], shape: readonly number[]): boolean {
  const missing = shape.length - part.length;
  return missing >= 0 && part.every((extent, axis) => extent === shape[missing + axis]);
}

interface LeadingAttributes {
  /** Shape of the result. */
  readonly shape: readonly number[];
}

/** Sums over the leading axes that `shape` leaves out, times a factor. */
const sumLeadingOperator: Operator<LeadingAttributes & { readonly factor: number }> = {
  name: 'sum-leading',
  readsHalf: (_input, { outputs: [y] }) => (y?.size ?? 1) > 1,
  infer: ([x], { shape }, label) => {
    requireFloats(x, label);
    return [{ shape, dtype: 'f32' }];
  },
  differentiate(node, [dy]) {
    if (!dy) return [];
    const { factor } = node.attributes;
    const [x] = node.inputs as [SymbolicTensor];
    const label = `${node.label}.gradient`;
    const scaled = factor === 1 ? dy : scale(dy, factor, `${label}.scale`);
    return [broadcastLeading(scaled, x.shape, label)];
  },
  evaluate([x], { shape, factor }) {
    const y = new Float64Array(sizeOf(shape));
    for (const [index, value] of (x as Float64Array).entries()) {
      y[index % y.length] = (y[index % y.length] as number) + value;
    }
    return [y.map((value) => value * factor)];
  },
  lower(node, lowering) {
    const [x] = node.inputs as [SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    const { factor } = node.attributes;
    const output = lowering.output(y);
    if (y.size === 1) {
      const left = lowering.view(x);
      launchSum(lowering, { label: node.label, left, count: x.size, factor, output });
      return;
    }
    const view = lowering.stored(x);
    const [rows, columns] = [x.size / y.size, y.size];
    launchColumnSums(lowering, node.label, { view, rows, columns, factor, output });
  },
};

/** Sums over the last axis: [M, N] → [M]. */
const sumRowsOperator: Operator<null> = {
  name: 'sum-rows',
  infer: ([x]) => [{ shape: x?.shape.slice(0, 1) ?? [], dtype: 'f32' }],
  evaluate([x], _attributes, _context, node) {
    const [rows, columns] = (node.inputs[0] as SymbolicTensor).shape as [number, number];
    const y = new Float64Array(rows);
    for (const [index, value] of (x as Float64Array).entries()) {
      const row = Math.floor(index / columns);
      y[row] = (y[row] as number) + value;
    }
    return [y];
  },
  lower(node, lowering) {
    const [x] = node.inputs as [SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    launchColumnSums(lowering, node.label, {
      view: lowering.view(x),
      rows: x.shape[1] as number,
      columns: y.size,
      factor: 1,
      steps: { row: 1, column: x.shape[1] as number },
      output: lowering.output(y),
    });
  },
};

/** Repeats a tensor along leading axes up to `shape`. */
const broadcastLeadingOperator: Operator<LeadingAttributes> = {
  name: 'broadcast-leading',
  infer([x], { shape }, label) {
    if (!x || !isTrailingShape(x.shape, shape)) {
      throw new ShapeError(
        `${label}: input is ${formatShape(x?.shape ?? [])}, expected the last axes of ${formatShape(shape)}.`,
      );
    }
    return [{ shape, dtype: x.dtype }];
  },
  differentiate(node, [dy]) {
    const [x] = node.inputs as [SymbolicTensor];
    return dy ? [sumLeading(dy, x.shape, 1, `${node.label}.gradient`)] : [];
  },
  evaluate([x], { shape }) {
    const values = x as Values;
    const at = (_: unknown, index: number) => values[index % values.length] as number;
    const length = sizeOf(shape);
    return [
      values instanceof Int32Array
        ? Int32Array.from({ length }, at)
        : Float64Array.from({ length }, at),
    ];
  },
  lower(node, lowering) {
    const [x] = node.inputs as [SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    launchStridedCopy(lowering, {
      label: node.label,
      source: lowering.view(x),
      sourceOffset: 0,
      sourceStrides: [0, 1],
      target: lowering.output(y),
      targetOffset: 0,
      targetStrides: [x.size, 1],
      extents: [y.size / x.size, x.size],
    });
  },
};

/** Sums over leading axes: [..., shape] → shape, times a factor. */
export function sumLeading(
  x: SymbolicTensor,
  shape: readonly number[],
  factor = 1,
  label = 'sum-leading',
): SymbolicTensor {
  return applyUnary(sumLeadingOperator, [x], { shape, factor }, label);
}

/**
 * Repeats x along leading axes: x [...] → [leading, ...].
 *
 * @throws {ShapeError} if x's shape is not the end of `shape`.
 */
export function broadcastLeading(
  x: SymbolicTensor,
  shape: readonly number[],
  label = 'broadcast-leading',
): SymbolicTensor {
  return applyUnary(broadcastLeadingOperator, [x], { shape }, label);
}

/** The sum of all elements, a scalar of shape []. */
export function sum(x: SymbolicTensor, label = 'sum'): SymbolicTensor {
  return sumLeading(x, [], 1, label);
}

/** The mean of all elements, a scalar of shape []. */
export function mean(x: SymbolicTensor, label = 'mean'): SymbolicTensor {
  return sumLeading(x, [], 1 / x.size, label);
}

const knownColumnSums = new WeakMap<SymbolicTensor, SymbolicTensor>();

/** Says that `sums` holds the column sums of `x`: a launch that reads `x` brings them along. */
export function provideColumnSums(x: SymbolicTensor, sums: SymbolicTensor): void {
  knownColumnSums.set(x, sums);
}

/**
 * Sums over all axes but the last: [..., N] → [N].
 *
 * @throws {ShapeError} for a scalar.
 */
export function columnSum(x: SymbolicTensor, label = 'column-sum'): SymbolicTensor {
  const known = knownColumnSums.get(x);
  if (known) return known;
  if (x.shape.length === 0) {
    throw new ShapeError(`${label}: input is a scalar [], expected at least one axis. Use sum().`);
  }
  return sumLeading(x, x.shape.slice(-1), 1, label);
}

/**
 * {@link columnSum}, where `totals` [N, M] has rows that add up to the same: taken unless the sums are known, where it
 * is a quarter as large as x or less, as it may have to be copied for that.
 */
export function columnSumByTotals(
  x: SymbolicTensor,
  totals: SymbolicTensor,
  label: string,
): SymbolicTensor {
  return knownColumnSums.has(x) || 4 * totals.size > x.size
    ? columnSum(x, label)
    : applyUnary(sumRowsOperator, [totals], null, label);
}
