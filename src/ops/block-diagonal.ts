import { ShapeError } from '../errors.ts';
import type { Lowering, Operator } from '../graph/operator.ts';
import {
  applyUnary,
  formatShape,
  type GraphNode,
  type SymbolicTensor,
  type TensorType,
} from '../graph/tensor.ts';
import { blockDiagonal as blockDiagonalKernel } from '../kernels/generated/block-diagonal.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { splitGrid } from './grid.ts';

interface BlockAttributes {
  readonly hiddenSize: number;
  /** Units of a head. */
  readonly headSize: number;
}

/** Calls `visit` with the places of each value of the blocks: in [gates·H, D] and in [gates·H, H]. */
function visitBlocks(
  rows: number,
  { hiddenSize, headSize }: BlockAttributes,
  visit: (own: number, dense: number) => void,
): void {
  for (let row = 0; row < rows; row++) {
    const first = Math.floor((row % hiddenSize) / headSize) * headSize;
    for (let column = 0; column < headSize; column++) {
      visit(row * headSize + column, row * hiddenSize + first + column);
    }
  }
}

function lowerBlocks(expands: boolean) {
  return (node: GraphNode<BlockAttributes>, lowering: Lowering): void => {
    const [source] = node.inputs as [SymbolicTensor];
    const [target] = node.outputs as [SymbolicTensor];
    const { hiddenSize, headSize } = node.attributes;
    lowering.launch(
      defineLaunch(blockDiagonalKernel, {
        label: node.label,
        constants: {
          hidden_size: hiddenSize,
          head_size: headSize,
          value_count: target.size,
          expands,
        },
        bindings: { source_matrix: lowering.view(source), target_matrix: lowering.output(target) },
        workgroups: splitGrid(Math.ceil(target.size / 64)),
        cost: {
          flops: 0,
          readBytes: 4 * Math.min(source.size, target.size),
          writtenBytes: 4 * target.size,
        },
      }),
    );
  };
}

const expandOperator: Operator<BlockAttributes> = {
  name: 'block-diagonal',
  infer([blocks], { hiddenSize, headSize }, label) {
    const [rows = 0, width = 0] = blocks?.shape ?? [];
    const fits = width === headSize && rows % hiddenSize === 0 && hiddenSize % headSize === 0;
    if (blocks?.shape.length !== 2 || !fits) {
      throw new ShapeError(
        `${label}: blocks are ${formatShape(blocks?.shape ?? [])}, expected [gates·${hiddenSize}, D] with a ` +
          `D that divides ${hiddenSize}, a row per gate and unit.`,
      );
    }
    return [{ shape: [rows, hiddenSize], dtype: 'f32' }];
  },
  differentiate: (node, [dDense]) =>
    dDense
      ? [applyUnary(extractOperator, [dDense], node.attributes, `${node.label}.gradient`)]
      : [],
  evaluate([blocks], attributes, _context, node) {
    const [rows = 0] = node.inputs[0]?.shape ?? [];
    const dense = new Float64Array(rows * attributes.hiddenSize);
    visitBlocks(rows, attributes, (own, at) => {
      dense[at] = blocks?.[own] as number;
    });
    return [dense];
  },
  lower: lowerBlocks(true),
};

/** The gradient: takes the blocks out of a dense matrix. */
const extractOperator: Operator<BlockAttributes> = {
  name: 'block-diagonal-gradient',
  infer: ([dense], { headSize }) => [
    { shape: [(dense as TensorType).shape[0] as number, headSize], dtype: 'f32' },
  ],
  evaluate([dense], attributes, _context, node) {
    const [rows = 0] = node.inputs[0]?.shape ?? [];
    const blocks = new Float64Array(rows * attributes.headSize);
    visitBlocks(rows, attributes, (own, at) => {
      blocks[own] = dense?.[at] as number;
    });
    return [blocks];
  },
  lower: lowerBlocks(false),
};

/**
 * The dense recurrent weights of heads that see only themselves.
 *
 * @param blocks - [gates·H, D], D the units of a head: row g·H + u holds the weights with which gate g of unit u sees
 *   the units of its own head.
 * @param hiddenSize - H.
 * @returns [gates·H, H], zero outside of the blocks.
 * @throws {ShapeError} unless D divides H and H the number of rows.
 */
export function blockDiagonal(
  blocks: SymbolicTensor,
  hiddenSize: number,
  label = 'block-diagonal',
): SymbolicTensor {
  const headSize = blocks.shape.at(-1) ?? 0;
  return applyUnary(expandOperator, [blocks], { hiddenSize, headSize }, label);
}
