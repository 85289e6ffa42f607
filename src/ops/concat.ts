import { ShapeError } from '../errors.ts';
import type { Operator, Values, View } from '../graph/operator.ts';
import { applyUnary, formatShape, type SymbolicTensor, sizeOf } from '../graph/tensor.ts';
import { launchStridedCopy, matchStored } from './copy-strided.ts';
import { sliceColumns } from './slice.ts';

function widthsOf(inputs: readonly SymbolicTensor[]): number[] {
  return inputs.map(({ shape }) => shape.at(-1) as number);
}

/** Tensors side by side along the last axis. */
export const concatOperator: Operator<null> = {
  name: 'concat',
  readsHalf: () => true,
  infer(inputs, _attributes, label) {
    const [first] = inputs;
    if (!first) throw new ShapeError(`${label}: got no tensors, expected at least one.`);
    const leading = first.shape.slice(0, -1);
    for (const [index, { shape, dtype }] of inputs.entries()) {
      const fits =
        shape.length > 0 &&
        shape.length === first.shape.length &&
        dtype === first.dtype &&
        leading.every((extent, axis) => extent === shape[axis]);
      if (!fits) {
        throw new ShapeError(
          `${label}: tensor ${index} is ${dtype} ${formatShape(shape)}, expected ${first.dtype} ` +
            `[${[...leading, 'N'].join(', ')}] like tensor 0.`,
        );
      }
    }
    const width = inputs.reduce((sum, { shape }) => sum + (shape.at(-1) as number), 0);
    return [{ shape: [...leading, width], dtype: first.dtype }];
  },
  differentiate(node, [dy], needed) {
    if (!dy) return [];
    let begin = 0;
    return widthsOf(node.inputs).map((width, index) => {
      const first = begin;
      begin += width;
      if (!needed[index]) return undefined;
      return sliceColumns(dy, first, begin, `${node.label}.d_${index}`);
    });
  },
  evaluate(inputs, _attributes, _context, node) {
    const widths = widthsOf(node.inputs);
    const [{ shape, dtype }] = node.outputs as [SymbolicTensor];
    const y: Values =
      dtype === 'i32' ? new Int32Array(sizeOf(shape)) : new Float64Array(sizeOf(shape));
    const total = shape.at(-1) as number;
    let begin = 0;
    for (const [index, width] of widths.entries()) {
      for (const [at, value] of (inputs[index] as Values).entries()) {
        y[Math.floor(at / width) * total + begin + (at % width)] = value;
      }
      begin += width;
    }
    return [y];
  },
  lower(node, lowering) {
    const [y] = node.outputs as [SymbolicTensor];
    const total = y.shape.at(-1) as number;
    const { sources, target } = matchStored(lowering, node.inputs, y);
    let begin = 0;
    for (const [index, width] of widthsOf(node.inputs).entries()) {
      launchStridedCopy(lowering, {
        label: `${node.label}.${index}`,
        source: sources[index] as View,
        sourceOffset: 0,
        sourceStrides: [width, 1],
        target,
        targetOffset: begin,
        targetStrides: [total, 1],
        extents: [y.size / total, width],
      });
      begin += width;
    }
  },
};

/**
 * Tensors side by side along the last axis.
 *
 * @param inputs - [..., N₀], [..., N₁] …, alike but for the last axis.
 * @returns [..., N₀ + N₁ + …].
 * @throws {ShapeError} if there is none, or if they differ in more than the last axis.
 */
export function concat(inputs: readonly SymbolicTensor[], label = 'concat'): SymbolicTensor {
  return applyUnary(concatOperator, inputs, null, label);
}
