import { OptionError, ShapeError, VocabularyError } from '../errors.ts';
import { numberBytes } from '../graph/numbers.ts';
import type { Operator } from '../graph/operator.ts';
import {
  applyUnary,
  formatShape,
  type SymbolicTensor,
  sizeOf,
  type TensorType,
} from '../graph/tensor.ts';
import { softmaxCrossEntropyGradient as gradientKernel } from '../kernels/generated/softmax-cross-entropy-gradient.ts';
import { softmaxCrossEntropyMean as meanKernel } from '../kernels/generated/softmax-cross-entropy-mean.ts';
import { softmaxCrossEntropyRows as rowsKernel } from '../kernels/generated/softmax-cross-entropy-rows.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { chooseSumming, isNarrow, mapRows, splitGrid } from './grid.ts';
import { logSumExp, requireRows } from './softmax.ts';

/** Options of {@link softmaxCrossEntropy}. */
export interface SoftmaxCrossEntropyOptions {
  /** Rows with this target do not count. Default −100, as PyTorch. */
  readonly ignoreIndex?: number;
}

type Attributes = Required<SoftmaxCrossEntropyOptions>;

/** Inputs: logits, targets. Outputs: loss [], log(Σ eˣ) per row, number of rows that count. */
const crossEntropyOperator: Operator<Attributes> = {
  name: 'softmax-cross-entropy',
  infer([logits, targets], _attributes, label) {
    const { shape } = requireRows(logits, label, 'logits');
    const leading = shape.slice(0, -1);
    const fits =
      targets?.shape.length === leading.length &&
      leading.every((extent, axis) => extent === targets.shape[axis]);
    if (!fits || targets.dtype !== 'i32') {
      throw new ShapeError(
        `${label}: targets are ${targets?.dtype} ${formatShape(targets?.shape ?? [])}, expected i32 ` +
          `${formatShape(leading)}, one class per row of the logits ${formatShape(shape)}.`,
      );
    }
    return [
      { shape: [], dtype: 'f32' },
      { shape: [sizeOf(leading)], dtype: 'f32' },
      { shape: [], dtype: 'i32' },
    ];
  },
  differentiate(node, [dLoss]) {
    if (!dLoss) return [];
    const [, logSums, counted] = node.outputs as [SymbolicTensor, SymbolicTensor, SymbolicTensor];
    const inputs = [...node.inputs, logSums, counted, dLoss];
    return [applyUnary(crossEntropyGradient, inputs, node.attributes, `${node.label}.gradient`)];
  },
  evaluate([logits, targets], { ignoreIndex }, _context, node) {
    const width = node.inputs[0]?.shape.at(-1) as number;
    const [x, labels] = [logits as Float64Array, targets as Int32Array];
    const logSums = new Float64Array(labels.length);
    let loss = 0;
    let counted = 0;
    for (const [row, label] of labels.entries()) {
      const values = x.subarray(row * width, (row + 1) * width);
      const logSum = logSumExp(values);
      logSums[row] = logSum;
      if (label === ignoreIndex) continue;
      if (!(label >= 0 && label < width)) {
        throw new VocabularyError(
          `${node.label}: target ${label} of row ${row} is outside 0 … ${width - 1} and not the ` +
            `ignored index ${ignoreIndex}.`,
        );
      }
      counted++;
      loss += logSum - (values[label] as number);
    }
    return [Float64Array.of(loss / Math.max(1, counted)), logSums, Int32Array.of(counted)];
  },
  lower(node, lowering) {
    const [logits, targets] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const [loss, logSums, counted] = node.outputs as [
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor,
    ];
    const width = logits.shape.at(-1) as number;
    const rows = targets.size;
    const { rowThreads, workgroups } = mapRows(lowering.limits, rows, width);
    const rowLosses = lowering.scratch(`${node.label}.rows`, 4 * rows);
    const labels = lowering.view(targets);
    const ignored = { ignore_index: node.attributes.ignoreIndex };
    lowering.launch(
      defineLaunch(rowsKernel, {
        label: `${node.label}.rows`,
        constants: { row_count: rows, width, row_threads: rowThreads, ...ignored },
        bindings: {
          logits: lowering.view(logits),
          targets: labels,
          row_losses: rowLosses,
          log_sums: lowering.output(logSums),
        },
        workgroups,
        cost: {
          flops: 8 * logits.size,
          readBytes: 4 * (logits.size + 2 * rows),
          writtenBytes: 8 * rows,
        },
      }),
    );
    lowering.launch(
      defineLaunch(meanKernel, {
        label: node.label,
        constants: { row_count: rows, ...ignored, ...chooseSumming(lowering.limits) },
        bindings: {
          row_losses: rowLosses,
          targets: labels,
          loss: lowering.output(loss),
          counted: lowering.output(counted),
        },
        workgroups: [1, 1, 1],
        cost: { flops: rows, readBytes: 8 * rows, writtenBytes: 8 },
      }),
    );
  },
};

/** Inputs: logits, targets, log(Σ eˣ) per row, counted rows, gradient of the loss. */
const crossEntropyGradient: Operator<Attributes> = {
  name: 'softmax-cross-entropy-gradient',
  infer: ([logits]) => [logits as TensorType],
  evaluate([logits, targets, logSums, counted, dLoss], { ignoreIndex }, _context, node) {
    const width = node.inputs[0]?.shape.at(-1) as number;
    const scale = (dLoss?.[0] as number) / Math.max(1, counted?.[0] as number);
    return [
      Float64Array.from(logits as Float64Array, (x, index) => {
        const row = Math.floor(index / width);
        const label = targets?.[row] as number;
        if (label === ignoreIndex) return 0;
        const probability = Math.exp(x - (logSums?.[row] as number));
        return scale * (probability - (index % width === label ? 1 : 0));
      }),
    ];
  },
  lower(node, lowering) {
    const [logits, targets, logSums, counted, dLoss] = node.inputs as [
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor,
    ];
    const [dLogits] = node.outputs as [SymbolicTensor];
    const width = logits.shape.at(-1) as number;
    const rows = targets.size;
    const gradients = lowering.storedOutput(dLogits);
    const { limits } = lowering;
    const columns = isNarrow(limits) && limits.residentLanes === undefined ? 16 : 4;
    lowering.launch(
      defineLaunch(gradientKernel, {
        label: node.label,
        constants: {
          row_count: rows,
          width,
          columns,
          ignore_index: node.attributes.ignoreIndex,
          d_logits_is_half: gradients.isHalf ?? false,
        },
        bindings: {
          logits: lowering.view(logits),
          targets: lowering.view(targets),
          log_sums: lowering.view(logSums),
          counted: lowering.view(counted),
          d_loss: lowering.view(dLoss),
          d_logits: gradients,
        },
        workgroups: splitGrid(Math.ceil((rows * Math.ceil(width / columns)) / 64)),
        cost: {
          flops: 4 * logits.size,
          readBytes: 4 * (logits.size + 2 * rows),
          writtenBytes: numberBytes(gradients) * logits.size,
        },
      }),
    );
  },
};

/**
 * Mean cross-entropy of softmax(logits) with class indices, in nats, over the rows that are not ignored;
 * 0 where all are. Fused: probabilities are never stored.
 *
 * @param logits - [..., V].
 * @param targets - [...] i32 in [0, V) or `ignoreIndex`. One outside makes the loss NaN on the device
 *   and throws {@link VocabularyError} in the reference.
 * @returns a scalar [].
 * @throws {ShapeError} if the shapes do not fit.
 * @throws {OptionError} if `ignoreIndex` is no 32-bit integer.
 */
export function softmaxCrossEntropy(
  logits: SymbolicTensor,
  targets: SymbolicTensor,
  { ignoreIndex = -100 }: SoftmaxCrossEntropyOptions = {},
  label = 'softmax-cross-entropy',
): SymbolicTensor {
  if ((ignoreIndex | 0) !== ignoreIndex) {
    throw new OptionError(
      `${label}: ignoreIndex is ${ignoreIndex}, expected a 32-bit integer such as -100.`,
    );
  }
  return applyUnary(crossEntropyOperator, [logits, targets], { ignoreIndex }, label);
}
