import { ShapeError, VocabularyError } from '../errors.ts';
import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, Operator, PlanLimits, Values, View } from '../graph/operator.ts';
import { applyUnary, formatShape, type SymbolicTensor, type TensorType } from '../graph/tensor.ts';
import { indexTokens } from '../kernels/generated/index-tokens.ts';
import { indexTokensRank } from '../kernels/generated/index-tokens-rank.ts';
import { indexTokensSerial } from '../kernels/generated/index-tokens-serial.ts';
import { oneHot as oneHotKernel } from '../kernels/generated/one-hot.ts';
import { sumRowsByToken } from '../kernels/generated/sum-rows-by-token.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { launchGather } from './gather-rows.ts';
import { isNarrow, splitGrid, threadsFor } from './grid.ts';
import { columnSum } from './reduce.ts';

/** Most values of a table that a workgroup goes through the positions for: a GPU has a thread for each. */
const MOST_SCANNED = 1024;
/** Fewest that are worth a pass over the positions in one thread, on a software adapter. */
const LEAST_SERIAL = 8;

/** Emits the launch that sorts positions by token: `starts` [rows + 1] and `order` [positions]. */
function launchIndex(
  lowering: Lowering,
  label: string,
  { view: indices, count }: { view: View; count: number },
  { rows, starts, order }: { rows: number; starts: View; order: View },
): void {
  const { limits } = lowering;
  const bindings = { indices, starts, order };
  const sizes = { row_count: count, table_rows: rows };
  const writtenBytes = 4 * (count + rows + 1);
  if (limits.residentLanes === undefined && isNarrow(limits) && rows >= LEAST_SERIAL) {
    const cost = { flops: 0, readBytes: 4 * (3 * count + rows), writtenBytes };
    lowering.launch(
      defineLaunch(indexTokensSerial, {
        label,
        constants: sizes,
        bindings,
        workgroups: [1, 1, 1],
        cost,
      }),
    );
  } else if (limits.residentLanes === undefined && !isNarrow(limits) && rows > MOST_SCANNED) {
    const cost = { flops: 0, readBytes: 4 * count * (count + rows), writtenBytes };
    lowering.launch(
      defineLaunch(indexTokensRank, {
        label,
        constants: { ...sizes, ahead: 8 },
        bindings,
        workgroups: splitGrid(Math.ceil((count + rows + 1) / 64)),
        cost,
      }),
    );
  } else {
    const cost = { flops: 0, readBytes: 8 * count * rows, writtenBytes };
    lowering.launch(
      defineLaunch(indexTokens, {
        label,
        constants: { ...sizes, ...shareTokens(limits, rows) },
        bindings,
        workgroups: [1, 1, 1],
        cost,
      }),
    );
  }
}

/** How the threads of {@link indexTokens} share tokens and positions. */
function shareTokens(limits: PlanLimits, rows: number) {
  if (isNarrow(limits) || limits.residentLanes !== undefined) {
    return { threads: threadsFor(limits, 256), segments: 1, ahead: 1 };
  }
  const threads = Math.min(MOST_SCANNED, limits.maxComputeInvocationsPerWorkgroup);
  const segments = Math.max(1, Math.min(32, Math.floor(threads / rows)));
  return { threads, segments, ahead: 8 };
}

function requireTokens(tokens: TensorType | undefined, label: string): TensorType {
  if (tokens?.dtype !== 'i32') {
    throw new ShapeError(
      `${label}: input is ${tokens?.dtype} ${formatShape(tokens?.shape ?? [])}, expected i32 tokens.`,
    );
  }
  return tokens;
}

/** Reads a token in the reference, where reading past a table would go unnoticed. */
function readToken(tokens: Values | undefined, index: number, rows: number, label: string): number {
  const token = tokens?.[index] as number;
  if (!(token >= 0 && token < rows)) {
    throw new VocabularyError(
      `${label}: token ${token} at index ${index} is outside the vocabulary 0 … ${rows - 1}.`,
    );
  }
  return token;
}

/** The gradient of a gather with respect to its table: a stable sort by token, then sums of rows. */
function launchTableGradient(
  lowering: Lowering,
  label: string,
  tokens: SymbolicTensor,
  dOutput: SymbolicTensor,
  table: { view: View; rows: number; width: number; transposed: boolean },
): void {
  const starts = lowering.scratch(`${label}.starts`, 4 * (table.rows + 1));
  const order = lowering.scratch(`${label}.order`, 4 * tokens.size);
  const indices = { view: lowering.view(tokens), count: tokens.size };
  launchIndex(lowering, `${label}.index`, indices, { rows: table.rows, starts, order });
  const gradients = lowering.stored(dOutput);
  const columns = isNarrow(lowering.limits) && table.width % 4 === 0 ? 4 : 1;
  lowering.launch(
    defineLaunch(sumRowsByToken, {
      label,
      constants: {
        table_rows: table.rows,
        width: table.width,
        columns,
        transposes_table: table.transposed,
        d_output_is_half: gradients.isHalf ?? false,
      },
      bindings: { starts, order, d_output: gradients, d_table: table.view },
      workgroups: splitGrid(Math.ceil((table.rows * table.width) / (64 * columns))),
      cost: {
        flops: 0,
        readBytes: tokens.size * (numberBytes(gradients) * table.width + 4),
        writtenBytes: 4 * table.rows * table.width,
      },
    }),
  );
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

/** Inputs: tokens, dOutput. The table's gradient [rows, width], or [width, rows] where transposed. */
const tableGradient: Operator<{ readonly rows: number; readonly transposed: boolean }> = {
  name: 'table-gradient',
  readsHalf: (input) => input === 1,
  infer([, dOutput], { rows, transposed }) {
    const width = dOutput?.shape.at(-1) as number;
    return [{ shape: transposed ? [width, rows] : [rows, width], dtype: 'f32' }];
  },
  evaluate([tokens, dOutput], { rows, transposed }, _context, node) {
    const width = node.inputs[1]?.shape.at(-1) as number;
    const gradient = new Float64Array(rows * width);
    for (let index = 0; index < (tokens as Values).length; index++) {
      const token = readToken(tokens, index, rows, node.label);
      for (let i = 0; i < width; i++) {
        const at = transposed ? i * rows + token : token * width + i;
        gradient[at] = (gradient[at] as number) + (dOutput?.[index * width + i] as number);
      }
    }
    return [gradient];
  },
  lower(node, lowering) {
    const [tokens, dOutput] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const [gradient] = node.outputs as [SymbolicTensor];
    launchTableGradient(lowering, node.label, tokens, dOutput, {
      view: lowering.output(gradient),
      width: dOutput.shape.at(-1) as number,
      ...node.attributes,
    });
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
    return [
      undefined,
      needsWeight
        ? applyUnary(tableGradient, [tokens, dy], attributes, `${node.label}.d_weight`)
        : undefined,
      needsBias ? columnSum(dy, `${node.label}.d_bias`) : undefined,
    ];
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
    const table = { view: lowering.packed(weight, { kind: 'transposed' }), rows, width };
    const biasView = bias && lowering.view(bias);
    const gathered = {
      tokens: lowering.view(tokens),
      table: table.view,
      tableRows: rows,
      bias: biasView,
    };
    lowering.defer(y, gathered, () =>
      launchGather(lowering, node.label, tokens, table, lowering.storedOutput(y), biasView),
    );
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
