import { ShapeError } from '../errors.ts';
import type { Lowering, Operator, Values } from '../graph/operator.ts';
import {
  formatShape,
  type GraphNode,
  type SymbolicTensor,
  type TensorType,
} from '../graph/tensor.ts';
import { binary } from '../kernels/generated/binary.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { splitGrid } from './grid.ts';

/**
 * The tensor, checked to hold floats.
 *
 * @throws {ShapeError} for tokens.
 */
export function requireFloats(
  tensor: TensorType | undefined,
  label: string,
  what = 'input',
): TensorType {
  if (tensor?.dtype === 'f32') return tensor;
  throw new ShapeError(
    `${label}: ${what} is ${tensor?.dtype ?? 'missing'} ${formatShape(tensor?.shape ?? [])}, ` +
      'expected f32. Put an embedding or oneHot in front of tokens.',
  );
}

/** Codes of `shaders/kernels/binary.wgsl`. */
export const pairCodes = {
  add: 0,
  subtract: 1,
  multiply: 2,
  divide: 3,
  tanhGradient: 4,
  sigmoidGradient: 5,
  reluGradient: 6,
  squareGradient: 7,
} as const;

/** Emits the launch of a function of two inputs; the right one repeats along leading axes. */
export function launchPair(
  node: GraphNode,
  lowering: Lowering,
  operation: keyof typeof pairCodes,
): void {
  const [left, right] = node.inputs as [SymbolicTensor, SymbolicTensor];
  const [output] = node.outputs as [SymbolicTensor];
  lowering.launch(
    defineLaunch(binary, {
      label: node.label,
      constants: {
        operation: pairCodes[operation],
        count: left.size,
        right_count: right.size,
      },
      bindings: {
        left: lowering.view(left),
        right: lowering.view(right),
        output: lowering.output(output),
      },
      workgroups: splitGrid(Math.ceil(left.size / 256)),
      cost: {
        flops: left.size * (pairCodes[operation] < pairCodes.tanhGradient ? 1 : 3),
        readBytes: 4 * (left.size + right.size),
        writtenBytes: 4 * left.size,
      },
    }),
  );
}

/** Applies a function to each pair of elements; the right values repeat. */
export function evaluatePairs(
  [left, right]: readonly Values[],
  compute: (a: number, b: number) => number,
): Float64Array {
  const [a, b] = [left as Values, right as Values];
  return Float64Array.from({ length: a.length }, (_, index) =>
    compute(a[index] as number, b[index % b.length] as number),
  );
}

/** An operator on two tensors of one shape that only occurs in gradients. */
export function definePairGradient(
  name: string,
  operation: keyof typeof pairCodes,
  compute: (a: number, b: number) => number,
): Operator<null> {
  return {
    name,
    infer: ([left]) => [{ shape: left?.shape ?? [], dtype: 'f32' }],
    evaluate: (inputs) => [evaluatePairs(inputs, compute)],
    lower: (node, lowering) => launchPair(node, lowering, operation),
  };
}
