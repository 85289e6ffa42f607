// Generated from shaders/ by 'npm run generate'. Do not edit.
import { binary } from './binary.ts';
import { blockDiagonal } from './block-diagonal.ts';
import { carryState } from './carry-state.ts';
import { copyStrided } from './copy-strided.ts';
import { dropout } from './dropout.ts';
import { finishStep } from './finish-step.ts';
import { gatherBatch } from './gather-batch.ts';
import { gatherRows } from './gather-rows.ts';
import { gradientNorm } from './gradient-norm.ts';
import { indexTokens } from './index-tokens.ts';
import { indexTokensRank } from './index-tokens-rank.ts';
import { indexTokensSerial } from './index-tokens-serial.ts';
import { layerNorm } from './layer-norm.ts';
import { layerNormGradient } from './layer-norm-gradient.ts';
import { linearRow } from './linear-row.ts';
import { maskTime } from './mask-time.ts';
import { matmul } from './matmul.ts';
import { meanSquaredErrorGradient } from './mean-squared-error-gradient.ts';
import { oneHot } from './one-hot.ts';
import { optimizerAdam } from './optimizer-adam.ts';
import { optimizerRmsprop } from './optimizer-rmsprop.ts';
import { optimizerSgd } from './optimizer-sgd.ts';
import { packMatrices } from './pack-matrices.ts';
import { recurrenceBackward } from './recurrence-backward.ts';
import { recurrenceBackwardCell } from './recurrence-backward-cell.ts';
import { recurrenceForward } from './recurrence-forward.ts';
import { recurrenceForwardCell } from './recurrence-forward-cell.ts';
import { reduceSum } from './reduce-sum.ts';
import { sampleToken } from './sample-token.ts';
import { scanBackward } from './scan-backward.ts';
import { scanForward } from './scan-forward.ts';
import { softmax } from './softmax.ts';
import { softmaxCrossEntropyGradient } from './softmax-cross-entropy-gradient.ts';
import { softmaxCrossEntropyMean } from './softmax-cross-entropy-mean.ts';
import { softmaxCrossEntropyRows } from './softmax-cross-entropy-rows.ts';
import { softmaxGradient } from './softmax-gradient.ts';
import { sumColumns } from './sum-columns.ts';
import { sumRowsByToken } from './sum-rows-by-token.ts';
import { unary } from './unary.ts';
import { widen } from './widen.ts';

export { cellParts, parts } from './parts.ts';
export {
  binary,
  blockDiagonal,
  carryState,
  copyStrided,
  dropout,
  finishStep,
  gatherBatch,
  gatherRows,
  gradientNorm,
  indexTokens,
  indexTokensRank,
  indexTokensSerial,
  layerNorm,
  layerNormGradient,
  linearRow,
  maskTime,
  matmul,
  meanSquaredErrorGradient,
  oneHot,
  optimizerAdam,
  optimizerRmsprop,
  optimizerSgd,
  packMatrices,
  recurrenceBackward,
  recurrenceBackwardCell,
  recurrenceForward,
  recurrenceForwardCell,
  reduceSum,
  sampleToken,
  scanBackward,
  scanForward,
  softmax,
  softmaxCrossEntropyGradient,
  softmaxCrossEntropyMean,
  softmaxCrossEntropyRows,
  softmaxGradient,
  sumColumns,
  sumRowsByToken,
  unary,
  widen,
};

/** Every kernel by name. */
export const kernels = {
  binary,
  'block-diagonal': blockDiagonal,
  'carry-state': carryState,
  'copy-strided': copyStrided,
  dropout,
  'finish-step': finishStep,
  'gather-batch': gatherBatch,
  'gather-rows': gatherRows,
  'gradient-norm': gradientNorm,
  'index-tokens': indexTokens,
  'index-tokens-rank': indexTokensRank,
  'index-tokens-serial': indexTokensSerial,
  'layer-norm': layerNorm,
  'layer-norm-gradient': layerNormGradient,
  'linear-row': linearRow,
  'mask-time': maskTime,
  matmul,
  'mean-squared-error-gradient': meanSquaredErrorGradient,
  'one-hot': oneHot,
  'optimizer-adam': optimizerAdam,
  'optimizer-rmsprop': optimizerRmsprop,
  'optimizer-sgd': optimizerSgd,
  'pack-matrices': packMatrices,
  'recurrence-backward': recurrenceBackward,
  'recurrence-backward-cell': recurrenceBackwardCell,
  'recurrence-forward': recurrenceForward,
  'recurrence-forward-cell': recurrenceForwardCell,
  'reduce-sum': reduceSum,
  'sample-token': sampleToken,
  'scan-backward': scanBackward,
  'scan-forward': scanForward,
  softmax,
  'softmax-cross-entropy-gradient': softmaxCrossEntropyGradient,
  'softmax-cross-entropy-mean': softmaxCrossEntropyMean,
  'softmax-cross-entropy-rows': softmaxCrossEntropyRows,
  'softmax-gradient': softmaxGradient,
  'sum-columns': sumColumns,
  'sum-rows-by-token': sumRowsByToken,
  unary,
  widen,
} as const;

export type KernelName = keyof typeof kernels;
