import { ShapeError } from '../errors.ts';
import type { Lowering, Operator, Values } from '../graph/operator.ts';
import {
  applyOperator,
  applyUnary,
  formatShape,
  type GraphNode,
  type SymbolicTensor,
} from '../graph/tensor.ts';
import { launchStridedCopy } from './copy-strided.ts';
import { canHoldRow, launchLinearRow } from './linear-row.ts';
import { launchMatmul } from './matmul-launch.ts';

/** x [..., I]·weightᵀ [O, I] + bias [O] → [..., O]. Inputs: x, weight, bias (optional). */
export const linearOperator: Operator<null> = {
  name: 'linear',
  readsHalf: (input) => input === 0,
  infer([x, weight, bias], _attributes, label) {
    if (!x || !weight) throw new ShapeError(`${label}: linear needs x and weight.`);
    const [outputs = 0, inputs = 0] = weight.shape;
    if (weight.shape.length !== 2) {
      throw new ShapeError(
        `${label}: weight is ${formatShape(weight.shape)}, expected [outputs, inputs].`,
      );
    }
    if (x.dtype !== 'f32' || x.shape.length < 1 || x.shape.at(-1) !== inputs) {
      throw new ShapeError(
        `${label}: input is ${x.dtype} ${formatShape(x.shape)}, expected f32 with a last axis of ` +
          `${inputs} for a weight ${formatShape(weight.shape)}.` +
          (x.dtype === 'i32' ? ' Put an embedding or oneHot in front of it.' : ''),
      );
    }
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outputs)) {
      throw new ShapeError(
        `${label}: bias is ${formatShape(bias.shape)}, expected [${outputs}], one per output.`,
      );
    }
    return [{ shape: [...x.shape.slice(0, -1), outputs], dtype: 'f32' }];
  },
  differentiate(node, [dy], [needsX, needsWeight, needsBias]) {
    const [x, weight, bias] = node.inputs as [SymbolicTensor, SymbolicTensor, SymbolicTensor?];
    if (!dy) return [];
    const dx = needsX
      ? applyUnary(linearInputGradient, [dy, weight], null, `${node.label}.d_input`)
      : undefined;
    if (!needsWeight && !needsBias) return [dx];
    const [dWeight, dBias] = applyOperator(
      linearWeightGradient,
      [x, dy],
      null,
      `${node.label}.d_weight`,
    );
    return [dx, dWeight, bias ? dBias : undefined];
  },
  evaluate([x, weight, bias], _attributes, _context, node) {
    const [outputs, inputs] = (node.inputs[1] as SymbolicTensor).shape as [number, number];
    const rows = (x as Values).length / inputs;
    const y = new Float64Array(rows * outputs);
    for (let row = 0; row < rows; row++) {
      for (let o = 0; o < outputs; o++) {
        let sum = bias ? (bias[o] as number) : 0;
        for (let i = 0; i < inputs; i++) {
          sum += (x?.[row * inputs + i] as number) * (weight?.[o * inputs + i] as number);
        }
        y[row * outputs + o] = sum;
      }
    }
    return [y];
  },
  lower(node, lowering) {
    const [x, weight] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const count = x.size / (weight.shape[1] as number);
    launchLinear(lowering, node, { label: node.label, first: 0, count });
  },
};

/** Some rows of a product, and what their launch is called. */
export interface RowRange {
  readonly label: string;
  readonly first: number;
  readonly count: number;
}

/** Emits the launch that computes some rows of a {@link linearOperator}. */
export function launchLinear(
  lowering: Lowering,
  node: GraphNode,
  { label, first, count }: RowRange,
): void {
  const [x, weight, bias] = node.inputs as [SymbolicTensor, SymbolicTensor, SymbolicTensor?];
  const [y] = node.outputs as [SymbolicTensor];
  const [outputs, inputs] = weight.shape as [number, number];
  if (x.size === inputs && canHoldRow(lowering.limits, { inputs, outputs })) {
    launchLinearRow(lowering, {
      label,
      inputs,
      outputs,
      x: lowering.view(x),
      weight: lowering.view(weight),
      bias: bias && lowering.view(bias),
      y: lowering.output(y),
    });
    return;
  }
  // A resident plan reads the weight as it is: a copy would cost it more than reading by column.
  const isResident = lowering.limits.residentLanes !== undefined;
  launchMatmul(lowering, {
    label,
    m: count,
    n: outputs,
    k: inputs,
    a: { view: lowering.stored(x), offset: first * inputs, stride: inputs },
    b: isResident
      ? { view: lowering.view(weight), stride: inputs }
      : { view: lowering.packed(weight, { kind: 'transposed' }), stride: outputs },
    transposesB: isResident,
    c: { view: lowering.storedOutput(y), offset: first * outputs, stride: outputs },
    ...(bias && { bias: lowering.view(bias) }),
  });
}

/** dx [..., I] = dy [..., O]·weight [O, I]. */
export const linearInputGradient: Operator<null> = {
  name: 'linear-input-gradient',
  readsHalf: (input) => input === 0,
  infer: ([dy, weight]) => [
    { shape: [...(dy?.shape ?? []).slice(0, -1), weight?.shape[1] as number], dtype: 'f32' },
  ],
  evaluate([dy, weight], _attributes, _context, node) {
    const [outputs, inputs] = (node.inputs[1] as SymbolicTensor).shape as [number, number];
    const rows = (dy as Values).length / outputs;
    const dx = new Float64Array(rows * inputs);
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < inputs; i++) {
        let sum = 0;
        for (let o = 0; o < outputs; o++) {
          sum += (dy?.[row * outputs + o] as number) * (weight?.[o * inputs + i] as number);
        }
        dx[row * inputs + i] = sum;
      }
    }
    return [dx];
  },
  lower(node, lowering) {
    const [dy, weight] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const count = dy.size / (weight.shape[0] as number);
    launchLinearInputGradient(lowering, node, { label: node.label, first: 0, count });
  },
};

/** Emits the launch that computes some rows of a {@link linearInputGradient}. */
export function launchLinearInputGradient(
  lowering: Lowering,
  node: GraphNode,
  { label, first, count }: RowRange,
): void {
  const [dy, weight] = node.inputs as [SymbolicTensor, SymbolicTensor];
  const [dx] = node.outputs as [SymbolicTensor];
  const [outputs, inputs] = weight.shape as [number, number];
  launchMatmul(lowering, {
    label,
    m: count,
    n: inputs,
    k: outputs,
    a: { view: lowering.stored(dy), offset: first * outputs, stride: outputs },
    b: { view: lowering.view(weight), stride: inputs },
    c: { view: lowering.storedOutput(dx), offset: first * inputs, stride: inputs },
  });
}

/** dWeight [O, I] = dyᵀ·x and dBias [O], the sums of dy's columns, in one launch. Inputs: x, dy. */
const linearWeightGradient: Operator<null> = {
  name: 'linear-weight-gradient',
  readsHalf: () => true,
  infer([x, dy]) {
    const [inputs, outputs] = [x?.shape.at(-1) as number, dy?.shape.at(-1) as number];
    return [
      { shape: [outputs, inputs], dtype: 'f32' },
      { shape: [outputs], dtype: 'f32' },
    ];
  },
  evaluate([x, dy], _attributes, _context, node) {
    const [outputs, inputs] = (node.outputs[0] as SymbolicTensor).shape as [number, number];
    const dWeight = new Float64Array(outputs * inputs);
    const dBias = new Float64Array(outputs);
    const rows = (x as Values).length / inputs;
    for (let row = 0; row < rows; row++) {
      for (let o = 0; o < outputs; o++) {
        const d = dy?.[row * outputs + o] as number;
        dBias[o] = (dBias[o] as number) + d;
        for (let i = 0; i < inputs; i++) {
          const at = o * inputs + i;
          dWeight[at] = (dWeight[at] as number) + d * (x?.[row * inputs + i] as number);
        }
      }
    }
    return [dWeight, dBias];
  },
  lower(node, lowering) {
    const [x, dy] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const [dWeight, dBias] = node.outputs as [SymbolicTensor, SymbolicTensor];
    const [outputs, inputs] = dWeight.shape as [number, number];
    launchMatmul(lowering, {
      label: node.label,
      m: outputs,
      n: inputs,
      k: x.size / inputs,
      a: { view: lowering.stored(dy), stride: outputs },
      transposesA: true,
      b: { view: lowering.stored(x), stride: inputs },
      c: { view: lowering.output(dWeight), stride: inputs },
      ...(lowering.isUsed(dBias) && { columnSums: { view: lowering.output(dBias) } }),
    });
  },
};

/**
 * The affine map y = x·weightᵀ + bias over the last axis, at every leading index.
 *
 * @param x - [..., I].
 * @param weight - [O, I], PyTorch's layout.
 * @param bias - [O].
 * @returns [..., O].
 * @throws {ShapeError} if the shapes do not fit.
 */
export function linear(
  x: SymbolicTensor,
  weight: SymbolicTensor,
  bias?: SymbolicTensor,
  label = 'linear',
): SymbolicTensor {
  return applyUnary(linearOperator, bias ? [x, weight, bias] : [x, weight], null, label);
}

/**
 * The matrix product a·b.
 *
 * @param a - [..., K].
 * @param b - [K, N].
 * @returns [..., N].
 * @throws {ShapeError} if the inner extents differ.
 */
export function matmul(a: SymbolicTensor, b: SymbolicTensor, label = 'matmul'): SymbolicTensor {
  return linear(a, transpose(b, `${label}.transpose`), undefined, label);
}

/** Exchanges the two axes of a matrix: [M, N] → [N, M]. Its gradient is itself. */
const transposeOperator: Operator<null> = {
  name: 'transpose',
  infer([x], _attributes, label) {
    if (x?.shape.length !== 2) {
      throw new ShapeError(`${label}: input is ${formatShape(x?.shape ?? [])}, expected a matrix.`);
    }
    return [{ shape: [x.shape[1] as number, x.shape[0] as number], dtype: 'f32' }];
  },
  differentiate: (node, [dy]) => (dy ? [transpose(dy, `${node.label}.gradient`)] : []),
  evaluate([x], _attributes, _context, node) {
    const [rows, columns] = (node.inputs[0] as SymbolicTensor).shape as [number, number];
    const y = new Float64Array(rows * columns);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        y[column * rows + row] = x?.[row * columns + column] as number;
      }
    }
    return [y];
  },
  lower(node, lowering) {
    const [x] = node.inputs as [SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    lowerTranspose(lowering, x, y);
  },
};

/** The packed copy of a matrix, or a copy that keeps all digits where packed ones are f16. */
function lowerTranspose(lowering: Lowering, x: SymbolicTensor, y: SymbolicTensor): void {
  if (lowering.precision === 'f32') {
    lowering.define(y, lowering.packed(x, { kind: 'transposed' }));
    return;
  }
  const [rows, columns] = x.shape as [number, number];
  launchStridedCopy(lowering, {
    label: y.label,
    source: lowering.view(x),
    sourceOffset: 0,
    sourceStrides: [1, columns],
    target: lowering.output(y),
    targetOffset: 0,
    targetStrides: [rows, 1],
    extents: [columns, rows],
  });
}

/** The transposed matrix: [M, N] → [N, M]. */
export function transpose(x: SymbolicTensor, label = 'transpose'): SymbolicTensor {
  return applyUnary(transposeOperator, [x], null, label);
}
