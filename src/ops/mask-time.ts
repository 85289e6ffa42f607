import { ShapeError } from '../errors.ts';
import type { Lowering, Operator } from '../graph/operator.ts';
import { applyUnary, formatShape, type GraphNode, type SymbolicTensor } from '../graph/tensor.ts';
import { maskTime as maskTimeKernel } from '../kernels/generated/mask-time.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { splitGrid } from './grid.ts';
import type { RowRange } from './linear.ts';
import { requireFloats } from './pointwise.ts';

/** Inputs: x, lengths. */
export const maskTimeOperator: Operator<null> = {
  name: 'mask-time',
  infer([x, lengths], _attributes, label) {
    const { shape } = requireFloats(x, label);
    if (shape.length < 2 || lengths?.dtype !== 'i32' || lengths.shape.join() !== `${shape[1]}`) {
      throw new ShapeError(
        `${label}: input is ${formatShape(shape)} and lengths are ${lengths?.dtype} ` +
          `${formatShape(lengths?.shape ?? [])}, expected [T, B, …] and i32 [B].`,
      );
    }
    return [{ shape, dtype: 'f32' }];
  },
  differentiate: (node, [dy]) =>
    dy ? [maskTime(dy, node.inputs[1] as SymbolicTensor, `${node.label}.gradient`), undefined] : [],
  evaluate([x, lengths], _attributes, _context, node) {
    const [, batch, width] = extentsOf(node.inputs[0] as SymbolicTensor);
    return [
      Float64Array.from(x as Float64Array, (value, index) => {
        const row = Math.floor(index / width);
        return Math.floor(row / batch) < (lengths?.[row % batch] as number) ? value : 0;
      }),
    ];
  },
  lower(node, lowering) {
    const [steps, batch] = extentsOf(node.inputs[0] as SymbolicTensor);
    launchMaskTime(lowering, node, { label: node.label, first: 0, count: steps * batch });
  },
};

/** Emits the launch that masks some of the rows [T, B]. */
export function launchMaskTime(
  lowering: Lowering,
  node: GraphNode,
  { label, first, count: rows }: RowRange,
): void {
  const [x, lengths] = node.inputs as [SymbolicTensor, SymbolicTensor];
  const [, batch, width] = extentsOf(x);
  const count = rows * width;
  lowering.launch(
    defineLaunch(maskTimeKernel, {
      label,
      constants: { count, first_row: first, batch, width },
      bindings: {
        x: lowering.view(x),
        lengths: lowering.view(lengths),
        y: lowering.output(node.outputs[0] as SymbolicTensor),
      },
      workgroups: splitGrid(Math.ceil(count / 256)),
      cost: { flops: 0, readBytes: 4 * (count + batch), writtenBytes: 4 * count },
    }),
  );
}

function extentsOf({ shape, size }: SymbolicTensor): [steps: number, batch: number, width: number] {
  const [steps, batch] = shape as [number, number];
  return [steps, batch, size / (steps * batch)];
}

/**
 * Padding set to zero, infinities and NaN in it as well: [T, B, …] → [T, B, …].
 *
 * @param lengths - i32 [B], the steps of each row that are kept.
 * @throws {ShapeError} for other shapes.
 */
export function maskTime(
  x: SymbolicTensor,
  lengths: SymbolicTensor,
  label = 'mask-time',
): SymbolicTensor {
  return applyUnary(maskTimeOperator, [x, lengths], null, label);
}
