import type { SymbolicTensor } from '../graph/tensor.ts';
import { concat } from '../ops/concat.ts';
import { dropout as applyDropout } from '../ops/dropout.ts';
import { project } from '../ops/project.ts';
import { recurrence } from '../ops/recurrence.ts';
import { streamOf } from '../random.ts';
import { orthogonalBlocks, uniform, withRows } from './initializers.ts';
import { requireAxes } from './layer.ts';
import type { RecurrentOptions } from './recurrent.ts';
import {
  checkState,
  collectStates,
  initialOf,
  type RecurrentState,
  type StatesOfStack,
} from './recurrent-state.ts';
import { currentTrace, type Trace } from './trace.ts';

/** A recurrent layer, ready to be applied. */
export interface Stack extends StatesOfStack {
  readonly options: RecurrentOptions & { readonly forgetBias?: number };
}

/** Applies all layers and directions; `owner` is the layer that parameters belong to. */
export function runStack(
  owner: object,
  stack: Stack,
  x: SymbolicTensor,
  given: RecurrentState,
): { output: SymbolicTensor; state: RecurrentState } {
  const trace = currentTrace(stack.kind);
  const name = trace.names.nameOf(owner, stack.kind, stack.options.name);
  const remedy =
    x.dtype === 'i32'
      ? 'Put an embedding or oneHot in front of it.'
      : 'A single step is [1, B, I]; time comes first.';
  requireAxes(name, x, ['T', 'B', 'I'], 'f32', remedy);
  checkState(name, stack, x.shape[1] as number, given);
  const finals: SymbolicTensor[] = [];
  let output = x;
  for (let index = 0; index < stack.layers; index++) {
    const input = output;
    const outputs = stack.directions.map((reverse, d) => {
      const suffix = `l${index}${d === 1 ? '_reverse' : ''}`;
      const row = index * stack.directions.length + d;
      const initial = initialOf(trace, name, suffix, stack, input.shape[1] as number, given, row);
      const result = runLayer(trace, name, suffix, stack, input, initial, reverse);
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
  return { output, state: collectStates(name, stack, finals) };
}

function runLayer(
  trace: Trace,
  name: string,
  suffix: string,
  { cell, hiddenSize, options }: Stack,
  x: SymbolicTensor,
  initial: SymbolicTensor,
  reverse: boolean,
): { output: SymbolicTensor; final: SymbolicTensor } {
  const rows = cell.gates.length * hiddenSize;
  const flat = uniform(1 / Math.sqrt(hiddenSize));
  const recurrentValues = options.recurrentInitializer === 'orthogonal' ? orthogonalBlocks : flat;
  const forget = cell.gates.indexOf('f') * hiddenSize;
  const biasValues = (value: number | undefined) =>
    value === undefined ? flat : withRows(flat, forget, forget + hiddenSize, value);
  const make = (kind: string, shape: readonly number[], values = flat) =>
    trace.parameter(`${name}.${kind}_${suffix}`, shape, values);
  const weightIh = make('weight_ih', [rows, x.shape[2] as number]);
  const weightHh = make('weight_hh', [rows, hiddenSize], recurrentValues);
  const hasBias = options.bias ?? true;
  const biasIh = hasBias ? make('bias_ih', [rows], biasValues(options.forgetBias)) : undefined;
  const biasHh = hasBias
    ? make('bias_hh', [rows], biasValues(options.forgetBias === undefined ? undefined : 0))
    : undefined;
  const projected = project(x, weightIh, biasIh, `${name}/project_${suffix}`);
  const label = `${name}/recurrence_${suffix}`;
  return recurrence(projected, weightHh, initial, biasHh, { cell, reverse }, label);
}
