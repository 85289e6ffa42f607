import { ShapeError } from '../errors.ts';
import type { Values } from '../graph/operator.ts';
import { inputSource, parameterOf, sourceName, stateSource } from '../graph/sources.ts';
import { type GraphNode, type SymbolicTensor, sortNodes } from '../graph/tensor.ts';

/** Numbers for a graph's sources. */
export interface GraphValues {
  readonly inputs?: ReadonlyMap<string, Values>;
  readonly states?: ReadonlyMap<string, Values>;
  readonly parameters?: ReadonlyMap<string, Values>;
  /** Seed and step of the counter-based random numbers; 0 if absent. */
  readonly seed?: number;
  readonly step?: number;
}

/**
 * Evaluates tensors of a graph in float64, node by node, in the most obvious way.
 *
 * @returns the values of every tensor of the graph that was computed, the requested ones included.
 * @throws {ShapeError} if a source has no value or one of the wrong size.
 */
export function evaluateGraph(
  outputs: Iterable<SymbolicTensor>,
  given: GraphValues = {},
): Map<SymbolicTensor, Values> {
  const values = new Map<SymbolicTensor, Values>();
  const context = { seed: given.seed ?? 0, step: given.step ?? 0 };
  for (const node of sortNodes(outputs)) {
    const source = findSource(node, given);
    if (source) {
      values.set(node.outputs[0] as SymbolicTensor, source);
      continue;
    }
    const inputs = node.inputs.map((tensor) => values.get(tensor) as Values);
    const results = node.op.evaluate(inputs, node.attributes, context, node);
    for (const [index, tensor] of node.outputs.entries()) {
      const result = results[index];
      if (result) values.set(tensor, result);
    }
  }
  return values;
}

function findSource(node: GraphNode, given: GraphValues): Values | undefined {
  const inputName = sourceName(node, inputSource);
  const stateName = sourceName(node, stateSource);
  const name = inputName ?? stateName ?? parameterOf(node)?.name;
  if (name === undefined) return undefined;
  const [kind, map] =
    inputName !== undefined
      ? ['input', given.inputs]
      : stateName !== undefined
        ? ['state', given.states]
        : ['parameter', given.parameters];
  const value = map?.get(name);
  const [tensor] = node.outputs as [SymbolicTensor];
  if (!value || value.length !== tensor.size) {
    throw new ShapeError(
      `reference: ${kind} '${name}' has ${value ? `${value.length} values` : 'no value'}, expected ` +
        `${tensor.size} for shape [${tensor.shape.join(', ')}].`,
    );
  }
  return value;
}
