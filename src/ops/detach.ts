import type { Operator, Values } from '../graph/operator.ts';
import { applyUnary, type SymbolicTensor, type TensorType } from '../graph/tensor.ts';

/** The same values, through which no gradient flows. */
const detachOperator: Operator<null> = {
  name: 'detach',
  readsHalf: () => true,
  infer: ([x]) => [x as TensorType],
  differentiate: () => [],
  evaluate: ([x]) => [x as Values],
  lower(node, lowering) {
    const [x] = node.inputs as [SymbolicTensor];
    const [y] = node.outputs as [SymbolicTensor];
    lowering.define(y, lowering.stored(x));
  },
};

/**
 * The same values as a constant: gradients stop here. Nothing is copied.
 *
 * @param x - any shape and element type, e.g. a state that is handed over without its history.
 */
export function detach(x: SymbolicTensor, label = 'detach'): SymbolicTensor {
  return applyUnary(detachOperator, [x], null, label);
}
