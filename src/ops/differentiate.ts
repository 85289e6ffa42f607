import { GatefoldError, ShapeError } from '../errors.ts';
import { fill } from '../graph/sources.ts';
import { type GraphNode, type SymbolicTensor, sortNodes } from '../graph/tensor.ts';
import { add } from './binary.ts';

/**
 * Reverse-mode differentiation: extends the graph by the gradients of a scalar.
 *
 * @param loss - a tensor with one element.
 * @param targets - the tensors to differentiate with respect to; other paths are not walked.
 * @param seed - gradient of the loss itself, 1 if absent; the same shape as `loss`.
 * @returns one gradient per target, of the target's shape; `undefined` where the loss does not depend on it.
 * @throws {ShapeError} if `loss` is not a scalar and no seed is given.
 * @see Griewank & Walther, Evaluating Derivatives, 2008, chapter 3.
 */
export function differentiate(
  loss: SymbolicTensor,
  targets: readonly SymbolicTensor[],
  seed?: SymbolicTensor,
): (SymbolicTensor | undefined)[] {
  if (loss.size !== 1 && !seed) {
    throw new ShapeError(
      `differentiate: loss '${loss.label}' has shape [${loss.shape.join(', ')}], expected a scalar. ` +
        'Reduce it with mean() or sum().',
    );
  }
  const nodes = sortNodes([loss]);
  const active = findActive(nodes, targets);
  const gradients = new Map<SymbolicTensor, SymbolicTensor>();
  gradients.set(loss, seed ?? fill(loss.shape, 1));
  for (const node of nodes.reverse()) {
    if (!node.inputs.some((tensor) => active.has(tensor))) continue;
    const outputGradients = node.outputs.map((tensor) => gradients.get(tensor));
    if (outputGradients.every((gradient) => gradient === undefined)) continue;
    if (!node.op.differentiate) {
      throw new GatefoldError(`${node.label}: operator '${node.op.name}' has no gradient.`);
    }
    const needed = node.inputs.map((tensor) => active.has(tensor));
    const inputGradients = node.op.differentiate(node, outputGradients, needed);
    for (const [index, tensor] of node.inputs.entries()) {
      const gradient = inputGradients[index];
      if (!gradient || !needed[index]) continue;
      const sum = gradients.get(tensor);
      gradients.set(tensor, sum ? add(sum, gradient, `${tensor.label}.gradient-sum`) : gradient);
    }
  }
  return targets.map((target) => gradients.get(target));
}

/** Every tensor that depends on a target, the targets included. */
function findActive(
  nodes: readonly GraphNode[],
  targets: readonly SymbolicTensor[],
): Set<SymbolicTensor> {
  const active = new Set<SymbolicTensor>(targets);
  for (const node of nodes) {
    if (node.inputs.some((tensor) => active.has(tensor))) {
      for (const output of node.outputs) active.add(output);
    }
  }
  return active;
}
