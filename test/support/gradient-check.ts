import type { Values } from '../../src/graph/operator.ts';
import { input, inputSource, sourceName } from '../../src/graph/sources.ts';
import { type SymbolicTensor, sortNodes } from '../../src/graph/tensor.ts';
import { multiply } from '../../src/ops/binary.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { sum } from '../../src/ops/reduce.ts';
import { Random } from '../../src/random.ts';
import { evaluateGraph } from '../../src/reference/interpreter.ts';

/** Numbers for a graph's inputs, by name. */
export type InputValues = Readonly<Record<string, readonly number[] | Values>>;

export interface GradientCheckOptions {
  /** Values that must not be drawn at random: tokens, numbers away from a kink. */
  readonly values?: InputValues;
  readonly seed?: number;
  readonly step?: number;
}

function findInputs(outputs: Iterable<SymbolicTensor>): Map<string, SymbolicTensor> {
  const inputs = new Map<string, SymbolicTensor>();
  for (const node of sortNodes(outputs)) {
    const name = sourceName(node, inputSource);
    if (name !== undefined) inputs.set(name, node.outputs[0] as SymbolicTensor);
  }
  return inputs;
}

/** Values for every input: those given, the others uniform in [-2, 2), tokens 0. */
export function drawInputs(
  outputs: Iterable<SymbolicTensor>,
  given: InputValues = {},
): Map<string, Values> {
  const values = new Map<string, Values>();
  for (const [name, { size, dtype }] of findInputs(outputs)) {
    const random = new Random(7, name.length + 31 * name.charCodeAt(0));
    const source = given[name] ?? Array.from({ length: size }, () => 4 * random.uniform() - 2);
    values.set(name, dtype === 'i32' ? Int32Array.from(source) : Float64Array.from(source));
  }
  return values;
}

/** One output of a graph in float64. */
export function evaluate(
  output: SymbolicTensor,
  given: InputValues = {},
  context: { readonly seed?: number; readonly step?: number } = {},
): number[] {
  const inputs = drawInputs([output], given);
  return [...(evaluateGraph([output], { inputs, ...context }).get(output) as Values)];
}

/**
 * Largest error of a tensor's gradients against central differences in float64, relative to the largest
 * gradient of the same input (at least 1). The loss is the sum of the tensor's elements times fixed random
 * weights, so that no element's gradient is the same as another's.
 *
 * @throws if an f32 input has no gradient, or one of another shape.
 */
export function gradientError(output: SymbolicTensor, options: GradientCheckOptions = {}): number {
  const loss = sum(multiply(output, input('weights of the loss', output.shape)));
  const targets = [...findInputs([output])].filter(([, { dtype }]) => dtype === 'f32');
  const gradients = differentiate(
    loss,
    targets.map(([, tensor]) => tensor),
  );
  const { seed = 0, step = 0 } = options;
  const inputs = drawInputs([loss], options.values);
  const lossAt = () => evaluateGraph([loss], { inputs, seed, step }).get(loss)?.[0] as number;

  let worst = 0;
  for (const [index, [name, tensor]] of targets.entries()) {
    const gradient = gradients[index];
    if (!gradient) throw new Error(`input '${name}' has no gradient`);
    if (gradient.shape.join() !== tensor.shape.join()) {
      throw new Error(`gradient of '${name}' is [${gradient.shape}], expected [${tensor.shape}]`);
    }
    const got = evaluateGraph([gradient], { inputs, seed, step }).get(gradient) as Values;
    const scale = Math.max(1, ...Array.from(got, Math.abs));
    const values = inputs.get(name) as Float64Array;
    for (const [at, value] of values.entries()) {
      const delta = 1e-5;
      values[at] = value + delta;
      const above = lossAt();
      values[at] = value - delta;
      const below = lossAt();
      values[at] = value;
      const expected = (above - below) / (2 * delta);
      worst = Math.max(worst, Math.abs((got[at] as number) - expected) / scale);
    }
  }
  return worst;
}
