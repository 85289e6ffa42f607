import { ShapeError } from '../errors.ts';
import type { Operator, Values } from '../graph/operator.ts';
import { applyUnary, type SymbolicTensor, type TensorType } from '../graph/tensor.ts';
import { softmax as softmaxKernel } from '../kernels/generated/softmax.ts';
import { softmaxGradient as softmaxGradientKernel } from '../kernels/generated/softmax-gradient.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { mapRows } from './grid.ts';
import { requireFloats } from './pointwise.ts';

/**
 * A tensor of rows: floats with a last axis.
 *
 * @throws {ShapeError} for tokens and scalars.
 */
export function requireRows(x: TensorType | undefined, label: string, what = 'input'): TensorType {
  const type = requireFloats(x, label, what);
  if (type.shape.length > 0) return type;
  throw new ShapeError(`${label}: ${what} is a scalar [], expected [..., classes].`);
}

/** log(Σ eˣ) of a row. */
export function logSumExp(row: Float64Array): number {
  const largest = row.reduce((a, b) => Math.max(a, b));
  return largest + Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0));
}

interface SoftmaxAttributes {
  readonly isLog: boolean;
}

const softmaxOperator: Operator<SoftmaxAttributes> = {
  name: 'softmax',
  infer: ([x], _attributes, label) => [requireRows(x, label)],
  differentiate(node, [dy]) {
    const [y] = node.outputs as [SymbolicTensor];
    if (!dy) return [];
    return [applyUnary(softmaxGradient, [y, dy], node.attributes, `${node.label}.gradient`)];
  },
  evaluate([x], { isLog }, _context, node) {
    const width = node.inputs[0]?.shape.at(-1) as number;
    const y = Float64Array.from(x as Values);
    for (let begin = 0; begin < y.length; begin += width) {
      const row = y.subarray(begin, begin + width);
      const logSum = logSumExp(row);
      for (const [index, value] of row.entries()) {
        row[index] = isLog ? value - logSum : Math.exp(value - logSum);
      }
    }
    return [y];
  },
  lower(node, lowering) {
    const [x] = node.inputs as [SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    const width = x.shape.at(-1) as number;
    const rows = x.size / width;
    const { rowThreads, workgroups } = mapRows(lowering.limits, rows, width);
    lowering.launch(
      defineLaunch(softmaxKernel, {
        label: node.label,
        constants: {
          row_count: rows,
          width,
          row_threads: rowThreads,
          is_log: node.attributes.isLog,
        },
        bindings: { x: lowering.view(x), y: lowering.output(y) },
        workgroups,
        cost: { flops: 12 * x.size, readBytes: 8 * x.size, writtenBytes: 4 * x.size },
      }),
    );
  },
};

/** Inputs: y (what softmax gave), dy. */
const softmaxGradient: Operator<SoftmaxAttributes> = {
  name: 'softmax-gradient',
  infer: ([y]) => [y as TensorType],
  evaluate([y, dy], { isLog }, _context, node) {
    const width = node.inputs[0]?.shape.at(-1) as number;
    const [values, gradients] = [y as Float64Array, dy as Float64Array];
    const dx = new Float64Array(values.length);
    for (let begin = 0; begin < dx.length; begin += width) {
      let sum = 0;
      for (let at = begin; at < begin + width; at++) {
        sum += (gradients[at] as number) * (isLog ? 1 : (values[at] as number));
      }
      for (let at = begin; at < begin + width; at++) {
        const [value, gradient] = [values[at] as number, gradients[at] as number];
        dx[at] = isLog ? gradient - Math.exp(value) * sum : value * (gradient - sum);
      }
    }
    return [dx];
  },
  lower(node, lowering) {
    const [y, dy] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const [dx] = node.outputs as [SymbolicTensor];
    const width = y.shape.at(-1) as number;
    const rows = y.size / width;
    const { rowThreads, workgroups } = mapRows(lowering.limits, rows, width);
    lowering.launch(
      defineLaunch(softmaxGradientKernel, {
        label: node.label,
        constants: {
          row_count: rows,
          width,
          row_threads: rowThreads,
          is_log: node.attributes.isLog,
        },
        bindings: { y: lowering.view(y), dy: lowering.view(dy), dx: lowering.output(dx) },
        workgroups,
        cost: { flops: 4 * y.size, readBytes: 16 * y.size, writtenBytes: 4 * y.size },
      }),
    );
  },
};

/**
 * Probabilities from logits along the last axis, without overflow.
 *
 * @param x - [..., N].
 * @returns [..., N]; every row sums to 1.
 */
export function softmax(x: SymbolicTensor, label = 'softmax'): SymbolicTensor {
  return applyUnary(softmaxOperator, [x], { isLog: false }, label);
}

/** The logarithm of {@link softmax}, without taking the logarithm of a small number. */
export function logSoftmax(x: SymbolicTensor, label = 'log-softmax'): SymbolicTensor {
  return applyUnary(softmaxOperator, [x], { isLog: true }, label);
}
