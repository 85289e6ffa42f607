import { ShapeError } from '../errors.ts';
import { numberBytes } from '../graph/numbers.ts';
import type { Operator } from '../graph/operator.ts';
import { applyUnary, formatShape, type SymbolicTensor, type TensorType } from '../graph/tensor.ts';
import { meanSquaredErrorGradient as gradientKernel } from '../kernels/generated/mean-squared-error-gradient.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { splitGrid } from './grid.ts';
import { requireFloats } from './pointwise.ts';
import { launchSum } from './reduce.ts';
import { negate } from './unary.ts';

const meanSquaredErrorOperator: Operator<null> = {
  name: 'mean-squared-error',
  infer([prediction, target], _attributes, label) {
    const { shape } = requireFloats(prediction, label, 'prediction');
    const wanted = requireFloats(target, label, 'target').shape;
    if (wanted.length !== shape.length || wanted.some((extent, axis) => extent !== shape[axis])) {
      throw new ShapeError(
        `${label}: target is ${formatShape(wanted)}, expected ${formatShape(shape)} like the prediction.`,
      );
    }
    return [{ shape: [], dtype: 'f32' }];
  },
  differentiate(node, [dLoss], [needsPrediction, needsTarget]) {
    if (!dLoss) return [];
    const label = `${node.label}.gradient`;
    const gradient = applyUnary(errorGradient, [...node.inputs, dLoss], null, label);
    return [
      needsPrediction ? gradient : undefined,
      needsTarget ? negate(gradient, `${node.label}.d_target`) : undefined,
    ];
  },
  evaluate([prediction, target]) {
    const x = prediction as Float64Array;
    const sum = x.reduce(
      (total, value, index) => total + (value - (target?.[index] as number)) ** 2,
      0,
    );
    return [Float64Array.of(sum / x.length)];
  },
  lower(node, lowering) {
    const [prediction, target] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const [loss] = node.outputs as [SymbolicTensor];
    launchSum(lowering, {
      label: node.label,
      left: lowering.view(prediction),
      right: lowering.view(target),
      count: prediction.size,
      factor: 1 / prediction.size,
      output: lowering.output(loss),
    });
  },
};

/** Inputs: prediction, target, gradient of the loss. */
const errorGradient: Operator<null> = {
  name: 'mean-squared-error-gradient',
  infer: ([prediction]) => [prediction as TensorType],
  evaluate([prediction, target, dLoss]) {
    const x = prediction as Float64Array;
    const factor = (2 * (dLoss?.[0] as number)) / x.length;
    return [x.map((value, index) => factor * (value - (target?.[index] as number)))];
  },
  lower(node, lowering) {
    const [prediction, target, dLoss] = node.inputs as [
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor,
    ];
    const [output] = node.outputs as [SymbolicTensor];
    const count = prediction.size;
    const gradients = lowering.storedOutput(output);
    lowering.launch(
      defineLaunch(gradientKernel, {
        label: node.label,
        constants: { count, factor: 2 / count, output_is_half: gradients.isHalf ?? false },
        bindings: {
          prediction: lowering.view(prediction),
          expected: lowering.view(target),
          d_loss: lowering.view(dLoss),
          output: gradients,
        },
        workgroups: splitGrid(Math.ceil(count / 256)),
        cost: {
          flops: 3 * count,
          readBytes: 8 * count,
          writtenBytes: numberBytes(gradients) * count,
        },
      }),
    );
  },
};

/**
 * Mean of (prediction − target)² over all elements.
 *
 * @param prediction - [...].
 * @param target - the same shape.
 * @returns a scalar [].
 * @throws {ShapeError} if the shapes differ.
 */
export function meanSquaredError(
  prediction: SymbolicTensor,
  target: SymbolicTensor,
  label = 'mean-squared-error',
): SymbolicTensor {
  return applyUnary(meanSquaredErrorOperator, [prediction, target], null, label);
}
