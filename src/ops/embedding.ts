import { ShapeError, VocabularyError } from '../errors.ts';
import type { Operator, Values } from '../graph/operator.ts';
import { applyUnary, formatShape, type SymbolicTensor, type TensorType } from '../graph/tensor.ts';
import { oneHot as oneHotKernel } from '../kernels/generated/one-hot.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { launchGather } from './gather-rows.ts';
import { splitGrid } from './grid.ts';
import { readToken } from './read-token.ts';
import { columnSum, columnSumByTotals } from './reduce.ts';
import { tableGradient } from './table-gradient.ts';

function requireTokens(tokens: TensorType | undefined, label: string): TensorType {
  if (tokens?.dtype !== 'i32') {
    throw new ShapeError(
      `${label}: input is ${tokens?.dtype} ${formatShape(tokens?.shape ?? [])}, expected i32 tokens.`,
    );
  }
  return tokens;
}

const embeddingOperator: Operator<null> = {
  name: 'embedding',
  infer([tokens, weight], _attributes, label) {
    requireTokens(tokens, label);
    if (weight?.shape.length !== 2) {
      throw new ShapeError(
        `${label}: weight is ${formatShape(weight?.shape ?? [])}, expected [vocabulary, width].`,
      );
    }
    return [{ shape: [...(tokens?.shape ?? []), weight.shape[1] as number], dtype: 'f32' }];
  },
  differentiate(node, [dy], [, needsWeight]) {
    const [tokens, weight] = node.inputs as [SymbolicTensor, SymbolicTensor];
    if (!dy || !needsWeight) return [];
    const label = `${node.label}.d_weight`;
    const attributes = { rows: weight.shape[0] as number, transposed: false };
    return [undefined, applyUnary(tableGradient, [tokens, dy], attributes, label)];
  },
  evaluate([tokens, weight], _attributes, _context, node) {
    const [rows, width] = (node.inputs[1] as SymbolicTensor).shape as [number, number];
    const count = (tokens as Values).length;
    const y = new Float64Array(count * width);
    for (let index = 0; index < count; index++) {
      const token = readToken(tokens, index, rows, node.label);
      for (let i = 0; i < width; i++) {
        y[index * width + i] = weight?.[token * width + i] as number;
      }
    }
    return [y];
  },
  lower(node, lowering) {
    const [tokens, weight] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    const [rows, width] = weight.shape as [number, number];
    const table = { view: lowering.view(weight), rows, width };
    launchGather(lowering, node.label, tokens, table, lowering.storedOutput(y));
  },
};

/** Inputs: tokens, weight [O, V], bias (optional): linear(oneHot(tokens)) without the one-hot tensor. */
const oneHotLinearOperator: Operator<null> = {
  name: 'one-hot-linear',
  infer([tokens, weight], _attributes, label) {
    requireTokens(tokens, label);
    return [{ shape: [...(tokens?.shape ?? []), weight?.shape[0] as number], dtype: 'f32' }];
  },
  differentiate(node, [dy], [, needsWeight, needsBias]) {
    const [tokens, weight] = node.inputs as [SymbolicTensor, SymbolicTensor];
    if (!dy) return [];
    const attributes = { rows: weight.shape[1] as number, transposed: true };
    const dWeight = needsWeight
      ? applyUnary(tableGradient, [tokens, dy], attributes, `${node.label}.d_weight`)
      : undefined;
    if (!needsBias) return [undefined, dWeight];
    const label = `${node.label}.d_bias`;
    // Each row of dy has gone into one column of dWeight.
    const dBias = dWeight ? columnSumByTotals(dy, dWeight, label) : columnSum(dy, label);
    return [undefined, dWeight, dBias];
  },
  evaluate([tokens, weight, bias], _attributes, _context, node) {
    const [outputs, vocabulary] = (node.inputs[1] as SymbolicTensor).shape as [number, number];
    const count = (tokens as Values).length;
    const y = new Float64Array(count * outputs);
    for (let index = 0; index < count; index++) {
      const token = readToken(tokens, index, vocabulary, node.label);
      for (let o = 0; o < outputs; o++) {
        y[index * outputs + o] =
          (weight?.[o * vocabulary + token] as number) + (bias ? (bias[o] as number) : 0);
      }
    }
    return [y];
  },
  lower(node, lowering) {
    const [tokens, weight, bias] = node.inputs as [SymbolicTensor, SymbolicTensor, SymbolicTensor?];
    const [y] = node.outputs as [SymbolicTensor];
    const [width, rows] = weight.shape as [number, number];
    const biasView = bias && lowering.view(bias);
    const pack = () => lowering.packed(weight, { kind: 'transposed' });
    // A small resident plan reads the weight as it is, which costs less than a copy at each step.
    const { residentLanes, residentHolds } = lowering.limits;
    const isTransposed = residentLanes !== undefined && !residentHolds;
    const gathered = {
      tokens: lowering.view(tokens),
      table: isTransposed ? lowering.view(weight) : pack(),
      isTransposed,
      tableRows: rows,
      bias: biasView,
    };
    lowering.defer(y, gathered, () => {
      const table = { view: pack(), rows, width };
      launchGather(lowering, node.label, tokens, table, lowering.storedOutput(y), biasView);
    });
  },
};

const oneHotOperator: Operator<{ readonly size: number }> = {
  name: 'one-hot',
  infer([tokens], { size }, label) {
    return [{ shape: [...requireTokens(tokens, label).shape, size], dtype: 'f32' }];
  },
  differentiate: () => [],
  evaluate([tokens], { size }, _context, node) {
    const y = new Float64Array((tokens as Values).length * size);
    for (let index = 0; index < (tokens as Values).length; index++) {
      y[index * size + readToken(tokens, index, size, node.label)] = 1;
    }
    return [y];
  },
  lower(node, lowering) {
    const [tokens] = node.inputs as [SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    lowering.launch(
      defineLaunch(oneHotKernel, {
        label: node.label,
        constants: { row_count: tokens.size, width: node.attributes.size },
        bindings: { indices: lowering.view(tokens), output: lowering.output(y) },
        workgroups: splitGrid(Math.ceil(y.size / 64)),
        cost: { flops: 0, readBytes: 4 * tokens.size, writtenBytes: 4 * y.size },
      }),
    );
  },
};

/**
 * Rows of a table by token.
 *
 * @param tokens - [...] i32 in [0, V); a token outside makes the loss non-finite on the device and throws
 *   {@link VocabularyError} in the reference. Data streams check their tokens before.
 * @param weight - [V, E].
 * @returns [..., E].
 */
export function embedding(
  tokens: SymbolicTensor,
  weight: SymbolicTensor,
  label = 'embedding',
): SymbolicTensor {
  return applyUnary(embeddingOperator, [tokens, weight], null, label);
}

/**
 * Tokens as rows with a single 1. A {@link project} of it becomes a gather: the tensor is never built.
 *
 * @param tokens - [...] i32 in [0, size).
 * @returns [..., size].
 */
export function oneHot(tokens: SymbolicTensor, size: number, label = 'one-hot'): SymbolicTensor {
  return applyUnary(oneHotOperator, [tokens], { size }, label);
}

/** The tokens behind a one-hot tensor, if `x` is one. */
export function tokensOfOneHot(x: SymbolicTensor): SymbolicTensor | undefined {
  return x.node.op === (oneHotOperator as unknown) ? x.node.inputs[0] : undefined;
}

/** linear(oneHot(tokens), weight, bias) as a gather of weight columns; see {@link oneHot}. */
export function oneHotLinear(
  tokens: SymbolicTensor,
  weight: SymbolicTensor,
  bias?: SymbolicTensor,
  label = 'one-hot-linear',
): SymbolicTensor {
  const inputs = bias ? [tokens, weight, bias] : [tokens, weight];
  return applyUnary(oneHotLinearOperator, inputs, null, label);
}
