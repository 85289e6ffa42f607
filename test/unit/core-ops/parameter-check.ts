import type { Values } from '../../../src/graph/operator.ts';
import { parameterOf } from '../../../src/graph/sources.ts';
import { type SymbolicTensor, sortNodes } from '../../../src/graph/tensor.ts';
import { differentiate } from '../../../src/ops/differentiate.ts';
import { Random } from '../../../src/random.ts';
import { evaluateGraph, type GraphValues } from '../../../src/reference/interpreter.ts';

/**
 * Largest error of the gradients of a scalar with respect to every parameter it depends on, against central
 * differences in float64, relative to the parameter's largest gradient (at least 1).
 *
 * @throws if a parameter has no gradient.
 */
export function parameterGradientError(loss: SymbolicTensor, given: GraphValues = {}): number {
  const tensors = new Map<string, SymbolicTensor>();
  for (const node of sortNodes([loss])) {
    const found = parameterOf(node);
    if (found) tensors.set(found.name, node.outputs[0] as SymbolicTensor);
  }
  const random = new Random(11, 1);
  const parameters = new Map<string, Float64Array>();
  for (const [name, { size }] of tensors) {
    parameters.set(
      name,
      Float64Array.from({ length: size }, () => 1.6 * random.uniform() - 0.8),
    );
  }
  const values = { ...given, parameters };
  const gradients = differentiate(loss, [...tensors.values()]);
  const lossAt = () => evaluateGraph([loss], values).get(loss)?.[0] as number;
  let worst = 0;
  for (const [index, [name, data]] of [...parameters].entries()) {
    const gradient = gradients[index];
    if (!gradient) throw new Error(`parameter '${name}' has no gradient`);
    const got = evaluateGraph([gradient], values).get(gradient) as Values;
    const scale = Math.max(1, ...Array.from(got, Math.abs));
    for (const [at, value] of data.entries()) {
      const delta = 1e-5;
      data[at] = value + delta;
      const above = lossAt();
      data[at] = value - delta;
      const below = lossAt();
      data[at] = value;
      const expected = (above - below) / (2 * delta);
      worst = Math.max(worst, Math.abs((got[at] as number) - expected) / scale);
    }
  }
  return worst;
}
