// Operators on symbolic tensors, for models and losses written as functions.
export { add, divide, multiply, subtract } from './binary.ts';
export { blockDiagonal } from './block-diagonal.ts';
export { concat } from './concat.ts';
export { detach } from './detach.ts';
export { differentiate } from './differentiate.ts';
export { type DropoutOptions, dropout } from './dropout.ts';
export { embedding, oneHot } from './embedding.ts';
export { type LayerNormOptions, layerNorm } from './layer-norm.ts';
export { linear, matmul, transpose } from './linear.ts';
export { maskTime } from './mask-time.ts';
export { meanSquaredError } from './mean-squared-error.ts';
export { project } from './project.ts';
export {
  type RecurrenceArguments,
  type RecurrenceAttributes,
  type RecurrenceResult,
  recurrence,
} from './recurrence.ts';
export { columnSum, mean, sum } from './reduce.ts';
export { repeatTime } from './repeat.ts';
export { reshape } from './reshape.ts';
export { type ScanAttributes, type ScanInputs, scan } from './scan.ts';
export { lastStep, reverseTime, sliceColumns, sliceTime } from './slice.ts';
export { logSoftmax, softmax } from './softmax.ts';
export { type SoftmaxCrossEntropyOptions, softmaxCrossEntropy } from './softmax-cross-entropy.ts';
export { exp, log, negate, relu, scale, sigmoid, square, tanh } from './unary.ts';
