import { ShapeError } from '../errors.ts';
import type { Operator } from '../graph/operator.ts';
import { applyUnary, formatShape, type SymbolicTensor } from '../graph/tensor.ts';
import { maskTime as maskTimeKernel } from '../kernels/generated/mask-time.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { splitGrid } from './grid.ts';
import { requireFloats } from './pointwise.ts';

const maskTimeOperator: Operator<null> = {
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
    const [x, lengths] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const [, batch, width] = extentsOf(x);
    lowering.launch(
      defineLaunch(maskTimeKernel, {
        label: node.label,
        constants: { count: x.size, batch, width },
        bindings: {
          x: lowering.view(x),
          lengths: lowering.view(lengths),
          y: lowering.output(node.outputs[0] as SymbolicTensor),
        },
        workgroups: splitGrid(Math.ceil(x.size / 256)),
        cost: { flops: 0, readBytes: 4 * (x.size + batch), writtenBytes: 4 * x.size },
      }),
    );
  },
};

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
