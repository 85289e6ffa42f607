import { isScanCell } from '../cells/scan-cell.ts';
import { ShapeError } from '../errors.ts';
import { formatShape, type SymbolicTensor } from '../graph/tensor.ts';
import { concat } from '../ops/concat.ts';
import { dropout as applyDropout } from '../ops/dropout.ts';
import { maskTime } from '../ops/mask-time.ts';
import { project } from '../ops/project.ts';
import { recurrence } from '../ops/recurrence.ts';
import { sliceColumns } from '../ops/slice.ts';
import { streamOf } from '../random.ts';
import { requireAxes } from './layer.ts';
import type { RecurrentOptions } from './recurrent.ts';
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

/** A recurrent layer, ready to be applied. */
export interface Stack extends StatesOfStack {
  readonly regularization: Regularization;
  readonly options: RecurrentOptions & { readonly forgetBias?: number };
}

/** Applies all layers and directions; `owner` is the layer that parameters belong to. */
export function runStack(
  owner: object,
  stack: Stack,
  x: SymbolicTensor,
  given: RecurrentState,
  lengths?: SymbolicTensor,
): { output: SymbolicTensor; state: RecurrentState } {
  const trace = currentTrace(stack.kind);
  const name = trace.names.nameOf(owner, stack.kind, stack.options.name);
  const remedy =
    x.dtype === 'i32'
      ? 'Put an embedding or oneHot in front of it.'
      : 'A single step is [1, B, I]; time comes first.';
  requireAxes(name, x, ['T', 'B', 'I'], 'f32', remedy);
  checkState(name, stack, x.shape[1] as number, given);
  checkLengths(name, lengths, x.shape[1] as number);
  const finals: SymbolicTensor[] = [];
  let output = x;
  for (let index = 0; index < stack.layers; index++) {
    const input = output;
    const outputs = stack.directions.map((reverse, d) => {
      const suffix = `l${index}${d === 1 ? '_reverse' : ''}`;
      const row = index * stack.directions.length + d;
      const initial = initialOf(trace, name, suffix, stack, input.shape[1] as number, given, row);
      const result = runLayer(trace, name, suffix, stack, input, initial, reverse, lengths);
      trace.finalState(`${name}.${suffix}`, initial, result.final);
      finals.push(result.final);
      return result.output;
    });
    output = outputs.length > 1 ? concat(outputs, `${name}/concat_l${index}`) : (outputs[0] ?? x);
    const rate = stack.options.dropout ?? 0;
    if (rate > 0 && index + 1 < stack.layers && trace.mode === 'training') {
      const label = `${name}/dropout_l${index}`;
      output = applyDropout(output, { rate, stream: streamOf(label) }, label);
    }
  }
  // Between layers padding may hold states: the next layer does not look at it.
  if (lengths) output = maskTime(output, lengths, `${name}/mask`);
  return { output, state: collectStates(name, stack, finals) };
}

function runLayer(
  trace: Trace,
  name: string,
  suffix: string,
  stack: Stack,
  x: SymbolicTensor,
  initial: SymbolicTensor,
  reverse: boolean,
  lengths: SymbolicTensor | undefined,
): { output: SymbolicTensor; final: SymbolicTensor } {
  const { cell, hiddenSize, stateSize, options } = stack;
  if (isScanCell(cell)) {
    const { bias, forgetBias } = options;
    const own = { cell, hiddenSize, reverse, bias, forgetBias, lengths };
    return applyScanLayer(trace, name, suffix, own, x, initial);
  }
  const weights = makeWeights(trace, name, suffix, { ...stack, cell }, x.shape[2] as number);
  const { weightIh, biasIh, weight, bias } = weights;
  const projected = project(x, weightIh, biasIh, `${name}/project_${suffix}`);
  const label = `${name}/recurrence_${suffix}`;
  const extents = [x.shape[0] as number, x.shape[1] as number, stack.hiddenSize] as const;
  const extras = {
    ...(lengths && { lengths }),
    ...drawExtras(stack.regularization, trace.mode, extents, label),
  };
  const given = { projected, weight, initial, bias, extras };
  const result = recurrence(given, { cell, reverse, stateSize }, label);
  if (stateSize === stack.hiddenSize) return result;
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
