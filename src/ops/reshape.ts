import { ShapeError } from '../errors.ts';
import type { Operator } from '../graph/operator.ts';
import { applyUnary, formatShape, type SymbolicTensor, sizeOf } from '../graph/tensor.ts';

const reshapeOperator: Operator<{ readonly shape: readonly number[] }> = {
  name: 'reshape',
  readsHalf: () => true,
  infer([x], { shape }, label) {
    const isShape = shape.every((extent) => Number.isSafeInteger(extent) && extent > 0);
    const count = sizeOf(x?.shape ?? []);
    if (!isShape || sizeOf(shape) !== count) {
      throw new ShapeError(
        `${label}: cannot reshape ${formatShape(x?.shape ?? [])} to ${formatShape(shape)}, expected ` +
          `positive extents with a product of ${count}.`,
      );
    }
    return [{ shape: [...shape], dtype: x?.dtype ?? 'f32' }];
  },
  differentiate: (node, [dy]) =>
    dy ? [reshape(dy, (node.inputs[0] as SymbolicTensor).shape, `${node.label}.gradient`)] : [],
  evaluate: ([x]) => [x as Float64Array],
  lower(node, lowering) {
    const [x] = node.inputs as [SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    lowering.define(y, lowering.stored(x));
  },
};

/**
 * The same elements under another shape. Nothing is copied.
 *
 * @throws {ShapeError} if the number of elements differs.
 */
export function reshape(
  x: SymbolicTensor,
  shape: readonly number[],
  label = 'reshape',
): SymbolicTensor {
  return applyUnary(reshapeOperator, [x], { shape }, label);
}
