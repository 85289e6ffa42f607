import { isScanCell } from '../cells/scan-cell.ts';
import { OptionError, ShapeError } from '../errors.ts';
import { formatShape, type SymbolicTensor } from '../graph/tensor.ts';
import { add } from '../ops/binary.ts';
import { dropout as applyDropout } from '../ops/dropout.ts';
import { maskTime } from '../ops/mask-time.ts';
import { projectSteps } from '../ops/project.ts';
import { recurrence } from '../ops/recurrence.ts';
import { sliceColumns } from '../ops/slice.ts';
import { streamOf } from '../random.ts';
import { requireAxes } from './layer.ts';
import { type MergeMode, mergeOutputs } from './merge.ts';
import { projectNormalized } from './normalized-projection.ts';
import type { RecurrentOptions, RecurrentResult } from './recurrent.ts';
import { drawExtras, type Regularization } from './recurrent-regularization.ts';
import {
  checkState,
  collectStates,
  initialOf,
  type RecurrentState,
  type StatesOfStack,
} from './recurrent-state.ts';
import { makeWeights } from './recurrent-weights.ts';
import { applyScanLayer } from './scan-layer.ts';
import { currentTrace, type Trace } from './trace.ts';

/** What a single layer and direction, or a cell alone, is applied with. */
export interface ReadyCell extends StatesOfStack {
  readonly regularization: Regularization;
  readonly options: RecurrentOptions & { readonly forgetBias?: number };
}

/** A recurrent layer, ready to be applied. */
export interface Stack extends ReadyCell {
  readonly merge: MergeMode;
  /** Whether each layer above the first adds its input to its output. */
  readonly residual: boolean;
}

/** Applies all layers and directions; `owner` is the layer that parameters belong to. */
export function runStack(
  owner: object,
  stack: Stack,
  x: SymbolicTensor,
  given: RecurrentState,
  lengths?: SymbolicTensor,
): RecurrentResult {
  const trace = currentTrace(stack.kind);
  const name = trace.names.nameOf(owner, stack.kind, stack.options.name);
  const remedy =
    x.dtype === 'i32'
      ? 'Put an embedding or oneHot in front of it.'
      : 'A single step is [1, B, I]; time comes first.';
  requireAxes(name, x, ['T', 'B', 'I'], 'f32', remedy);
  checkState(name, stack, x.shape[1] as number, given);
  checkLengths(name, lengths, x.shape[1] as number);
  const { dropout = 0, inputDropout = 0 } = stack.options;
  const drop = (y: SymbolicTensor, rate: number, what: string, perSequence: boolean) => {
    if (rate === 0 || trace.mode !== 'training') return y;
    const label = `${name}/${what}`;
    return applyDropout(y, { rate, stream: streamOf(label), perSequence }, label);
  };
  const finals: SymbolicTensor[] = [];
  let [output, outputs] = [x, [x]];
  for (let index = 0; index < stack.layers; index++) {
    const below = output;
    const fed = index > 0 ? drop(below, dropout, `dropout_l${index - 1}`, false) : below;
    const input = drop(fed, inputDropout, `input_dropout_l${index}`, true);
    outputs = stack.directions.map((reverse, d) => {
      const suffix = `l${index}${d === 1 ? '_reverse' : ''}`;
      const row = index * stack.directions.length + d;
      const initial = initialOf(trace, name, suffix, stack, input.shape[1] as number, given, row);
      const result = runLayer(trace, name, `_${suffix}`, stack, input, initial, reverse, lengths);
      trace.finalState(`${name}.${suffix}`, initial, result.final);
      finals.push(result.final);
      return result.output;
    });
    if (stack.merge === 'separate') break;
    output = mergeOutputs(outputs, stack.merge, `${name}/${stack.merge}_l${index}`);
    if (stack.residual && index > 0) output = add(output, below, `${name}/residual_l${index}`);
  }
  // Between layers padding may hold states: the next layer does not look at it.
  if (lengths) {
    output = maskTime(output, lengths, `${name}/mask`);
    outputs = outputs.map((own, d) => maskTime(own, lengths, `${name}/mask_${d}`));
  }
  const state = collectStates(name, stack, finals);
  if (stack.merge !== 'separate') return { output, outputs, state };
  return {
    get output(): SymbolicTensor {
      throw new OptionError(
        `${name}: merge is 'separate', and so there are two outputs in place of one. ` +
          'Take them from run(x).outputs in model().',
      );
    },
    outputs,
    state,
  };
}

/**
 * Applies one layer in one direction to x [T, B, I], or a cell to the single step [B, I].
 *
 * @param ending - of the names of its parameters, e.g. `_l0_reverse`; empty for a cell alone.
 */
export function runLayer(
  trace: Trace,
  name: string,
  ending: string,
  stack: ReadyCell,
  x: SymbolicTensor,
  initial: SymbolicTensor,
  reverse: boolean,
  lengths?: SymbolicTensor,
): { output: SymbolicTensor; final: SymbolicTensor } {
  const { cell, hiddenSize, stateSize, options } = stack;
  if (isScanCell(cell)) {
    const { bias, forgetBias } = options;
    const own = { cell, hiddenSize, reverse, bias, forgetBias, lengths };
    return applyScanLayer(trace, name, ending, own, x, initial);
  }
  const weights = makeWeights(trace, name, ending, { ...stack, cell }, x.shape.at(-1) as number);
  const { weightIh, biasIh, normIh, weight, bias } = weights;
  const projected = normIh
    ? projectNormalized(x, { weightIh, biasIh, normIh, lengths }, name, ending)
    : projectSteps(x, weightIh, biasIh, `${name}/project${ending}`);
  const label = `${name}/recurrence${ending}`;
  const [steps, batch] = projected.shape as [number, number, number];
  const extents = [steps, batch, hiddenSize] as const;
  const extras = {
    ...(lengths && { lengths }),
    ...drawExtras(stack.regularization, trace.mode, extents, label),
  };
  const given = { projected, weight, initial, bias, extras };
  const result = recurrence(given, { cell, reverse, stateSize }, label);
  if (stateSize === hiddenSize) return result;
  const output = sliceColumns(result.output, 0, stateSize, `${label}.projected`);
  return { output, final: result.final };
}

/** @throws {ShapeError} unless there is a length for every row. */
function checkLengths(name: string, lengths: SymbolicTensor | undefined, batch: number): void {
  if (!lengths || (lengths.dtype === 'i32' && lengths.shape.join() === `${batch}`)) return;
  throw new ShapeError(
    `${name}: lengths are ${lengths.dtype} ${formatShape(lengths.shape)}, expected i32 [${batch}]: the steps of each ` +
      'row that are not padding.',
  );
}
