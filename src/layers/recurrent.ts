import type { Cell, CellOptions } from '../cells/cell.ts';
import { type CellName, cells } from '../cells/registry.ts';
import { OptionError, ShapeError } from '../errors.ts';
import { fill } from '../graph/sources.ts';
import { formatShape, type SymbolicTensor } from '../graph/tensor.ts';
import { concat } from '../ops/concat.ts';
import { dropout as applyDropout } from '../ops/dropout.ts';
import { project } from '../ops/project.ts';
import { recurrence } from '../ops/recurrence.ts';
import { reshape } from '../ops/reshape.ts';
import { sliceTime } from '../ops/slice.ts';
import { streamOf } from '../random.ts';
import type { NamedLayerOptions } from './basic.ts';
import { orthogonalBlocks, uniform, withRows } from './initializers.ts';
import { type Layer, type LayerConfig, refuseUnknown, requireAxes, requireSize } from './layer.ts';
import { currentTrace, type Trace } from './trace.ts';

/** Which way a recurrent layer reads time. */
export type Direction = 'forward' | 'reverse' | 'bidirectional';

/** Options of every recurrent layer. */
export interface RecurrentOptions extends NamedLayerOptions {
  /** Stacked layers, default 1. */
  readonly layers?: number;
  /** Default `forward`. `bidirectional` concatenates both directions' outputs. */
  readonly direction?: Direction;
  /** Default true: `bias_ih` and `bias_hh`. */
  readonly bias?: boolean;
  /** Dropout rate between stacked layers while training, default 0. */
  readonly dropout?: number;
  /** First values of `weight_hh`: uniform in ±1/√H (PyTorch, default) or one orthogonal block per gate. */
  readonly recurrentInitializer?: 'uniform' | 'orthogonal';
}

/** Options of {@link rnn}. */
export interface RnnOptions extends RecurrentOptions {
  /** Default `tanh`. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

/** Options of {@link lstm}. */
export interface LstmOptions extends RecurrentOptions {
  /** First value of the forget gate's bias; PyTorch's uniform values if absent, 1 is a common choice. */
  readonly forgetBias?: number;
}

/** Options of {@link gru}. */
export interface GruOptions extends RecurrentOptions {
  /** Whether the reset gate acts before or after the recurrent matmul. Default `after` (PyTorch, cuDNN). */
  readonly reset?: 'before' | 'after';
  /** Which side z weighs: `keep` the old state (PyTorch, default) or `replace` it. */
  readonly update?: 'keep' | 'replace';
}

/** States of all layers and directions by name, each [layers·directions, B, H]: `h`, and `c` for an LSTM. */
export type RecurrentState = Readonly<Record<string, SymbolicTensor>>;

/** A recurrent layer: called on [T, B, I] it gives [T, B, directions·H]. */
export interface RecurrentLayer extends Layer {
  /**
   * Like a call, with states in and out.
   *
   * @param state - states to start from; what is absent starts at zero.
   * @returns output [T, B, directions·H] and the final states [layers·directions, B, H].
   */
  run(
    x: SymbolicTensor,
    state?: RecurrentState,
  ): { readonly output: SymbolicTensor; readonly state: RecurrentState };
}

const COMMON_OPTIONS = [
  'name',
  'layers',
  'direction',
  'bias',
  'dropout',
  'recurrentInitializer',
] as const;

/** The vanilla RNN, h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu. */
export function rnn(hiddenSize: number, options: RnnOptions = {}): RecurrentLayer {
  return recurrent('rnn', hiddenSize, { ...options });
}

/** The long short-term memory; gate order i, f, g, o as in PyTorch. */
export function lstm(hiddenSize: number, options: LstmOptions = {}): RecurrentLayer {
  return recurrent('lstm', hiddenSize, { ...options });
}

/** The gated recurrent unit; gate order r, z, n as in PyTorch. */
export function gru(hiddenSize: number, options: GruOptions = {}): RecurrentLayer {
  return recurrent('gru', hiddenSize, { ...options });
}

/**
 * A recurrent layer of any registered cell.
 *
 * Parameters per layer l (and `_reverse`): `weight_ih_l` [gates·H, I], `weight_hh_l` [gates·H, H],
 * `bias_ih_l`, `bias_hh_l` [gates·H], uniform in ±1/√H.
 *
 * @throws {OptionError} for sizes, options or option values that do not fit the cell.
 */
export function recurrent(
  cellName: CellName,
  hiddenSize: number,
  options: RecurrentOptions & { readonly forgetBias?: number } & CellOptions = {},
): RecurrentLayer {
  const definition = cells[cellName];
  requireSize(cellName, 'hiddenSize', hiddenSize);
  const cellOptions = Object.fromEntries(
    Object.entries(options).filter(([name]) => definition.optionNames.includes(name)),
  );
  const cell = definition.create(cellOptions);
  const gateBiases = cell.gates.includes('f') ? ['forgetBias'] : [];
  refuseUnknown(cellName, options, [...COMMON_OPTIONS, ...gateBiases, ...definition.optionNames]);
  const stack: Stack = {
    cell,
    kind: cellName,
    hiddenSize,
    layers: requireSize(cellName, 'layers', options.layers ?? 1),
    directions: readDirections(cellName, options.direction ?? 'forward'),
    options,
  };
  readRate(cellName, options.dropout ?? 0);
  const run: RecurrentLayer['run'] = (x, state = {}) => runStack(layer, stack, x, state);
  const config: LayerConfig = { kind: cellName, hiddenSize, ...options };
  const layer: RecurrentLayer = Object.assign((x: SymbolicTensor) => run(x).output, {
    kind: cellName,
    config,
    run,
  });
  return layer;
}

interface Stack {
  readonly cell: Cell;
  readonly kind: CellName;
  readonly hiddenSize: number;
  readonly layers: number;
  /** Whether each direction runs backwards. */
  readonly directions: readonly boolean[];
  readonly options: RecurrentOptions & { readonly forgetBias?: number };
}

function readDirections(layer: string, direction: string): readonly boolean[] {
  if (direction === 'forward') return [false];
  if (direction === 'reverse') return [true];
  if (direction === 'bidirectional') return [false, true];
  throw new OptionError(
    `${layer}: direction is '${direction}', expected 'forward', 'reverse' or 'bidirectional'.`,
  );
}

function readRate(layer: string, rate: number): void {
  if (rate >= 0 && rate < 1) return;
  throw new OptionError(`${layer}: dropout is ${rate}, expected a number in [0, 1).`);
}

function runStack(
  layer: RecurrentLayer,
  stack: Stack,
  x: SymbolicTensor,
  given: RecurrentState,
): { output: SymbolicTensor; state: RecurrentState } {
  const trace = currentTrace(stack.kind);
  const name = trace.names.nameOf(layer, stack.kind, stack.options.name);
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

function checkState(name: string, stack: Stack, batch: number, given: RecurrentState): void {
  const expected = [stack.layers * stack.directions.length, batch, stack.hiddenSize];
  for (const [key, tensor] of Object.entries(given)) {
    if (!stack.cell.states.includes(key)) {
      throw new ShapeError(
        `${name}: got a state '${key}', a ${stack.kind} has ${stack.cell.states.join(', ')}.`,
      );
    }
    if (tensor.shape.join() !== expected.join()) {
      throw new ShapeError(
        `${name}: state ${key} is ${formatShape(tensor.shape)}, expected ${formatShape(expected)}: ` +
          '[layers·directions, batch, hiddenSize].',
      );
    }
  }
}

/** [states, B, H] that one layer and direction starts from. */
function initialOf(
  trace: Trace,
  name: string,
  suffix: string,
  { cell, hiddenSize }: Stack,
  batch: number,
  given: RecurrentState,
  row: number,
): SymbolicTensor {
  const shape = [cell.states.length, batch, hiddenSize];
  if (Object.keys(given).length === 0) return trace.initialState(`${name}.${suffix}`, shape);
  const label = `${name}/initial_${suffix}`;
  const parts = cell.states.map((key) => {
    const all = given[key];
    if (!all) return fill([batch * hiddenSize], 0, `${label}.${key}.zero`);
    const own = all.shape[0] === 1 ? all : sliceTime(all, row, row + 1, `${label}.${key}`);
    return reshape(own, [batch * hiddenSize], `${label}.${key}.flat`);
  });
  const flat = parts.length > 1 ? concat(parts, label) : (parts[0] as SymbolicTensor);
  return reshape(flat, shape, `${label}.states`);
}

/** Final states by name, [layers·directions, B, H], from each layer's [states, B, H]. */
function collectStates(
  name: string,
  { cell, hiddenSize }: Stack,
  finals: readonly SymbolicTensor[],
): RecurrentState {
  return Object.fromEntries(
    cell.states.map((key, s) => {
      const label = `${name}/final.${key}`;
      const batch = finals[0]?.shape[1] as number;
      const rows = finals.map((final, index) => {
        const own =
          cell.states.length === 1 ? final : sliceTime(final, s, s + 1, `${label}.slice_${index}`);
        return reshape(own, [batch * hiddenSize], `${label}.flat_${index}`);
      });
      const flat = rows.length > 1 ? concat(rows, label) : (rows[0] as SymbolicTensor);
      return [key, reshape(flat, [finals.length, batch, hiddenSize], `${label}.states`)];
    }),
  );
}
