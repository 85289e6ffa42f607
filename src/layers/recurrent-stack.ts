import { OptionError } from '../errors.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { add } from '../ops/binary.ts';
import { dropout as applyDropout } from '../ops/dropout.ts';
import { project } from '../ops/project.ts';
import { recurrence } from '../ops/recurrence.ts';
import { streamOf } from '../random.ts';
import { orthogonalBlocks, uniform, withRows } from './initializers.ts';
import { requireAxes } from './layer.ts';
import { type MergeMode, mergeOutputs } from './merge.ts';
import type { RecurrentOptions, RecurrentResult } from './recurrent.ts';
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
  readonly merge: MergeMode;
  /** Whether each layer above the first adds its input to its output. */
  readonly residual: boolean;
  readonly options: RecurrentOptions & { readonly forgetBias?: number };
}

/** Applies all layers and directions; `owner` is the layer that parameters belong to. */
export function runStack(
  owner: object,
  stack: Stack,
  x: SymbolicTensor,
  given: RecurrentState,
): RecurrentResult {
  const trace = currentTrace(stack.kind);
  const name = trace.names.nameOf(owner, stack.kind, stack.options.name);
  const remedy =
    x.dtype === 'i32'
      ? 'Put an embedding or oneHot in front of it.'
      : 'A single step is [1, B, I]; time comes first.';
  requireAxes(name, x, ['T', 'B', 'I'], 'f32', remedy);
  checkState(name, stack, x.shape[1] as number, given);
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
      const result = runLayer(trace, name, suffix, stack, input, initial, reverse);
      trace.finalState(`${name}.${suffix}`, initial, result.final);
      finals.push(result.final);
      return result.output;
    });
    if (stack.merge === 'separate') break;
    output = mergeOutputs(outputs, stack.merge, `${name}/${stack.merge}_l${index}`);
    if (stack.residual && index > 0) output = add(output, below, `${name}/residual_l${index}`);
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
  const weight = dropWeights(
    trace,
    weightHh,
    options.weightDropout ?? 0,
    `${name}/weight_dropout_${suffix}`,
  );
  return recurrence(projected, weight, initial, biasHh, { cell, reverse }, label);
}

/** Recurrent weights with a share of them left out: the same ones for all time steps of a training step. */
function dropWeights(
  { mode }: Trace,
  weight: SymbolicTensor,
  rate: number,
  label: string,
): SymbolicTensor {
  if (rate === 0 || mode !== 'training') return weight;
  return applyDropout(weight, { rate, stream: streamOf(label) }, label);
}
