import type { Cell } from '../cells/cell.ts';
import { fill, type Initializer } from '../graph/sources.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { blockDiagonal } from '../ops/block-diagonal.ts';
import { concat } from '../ops/concat.ts';
import { dropout } from '../ops/dropout.ts';
import { reshape } from '../ops/reshape.ts';
import { streamOf } from '../random.ts';
import { constant, orthogonalBlocks, uniform, withRows } from './initializers.ts';
import type { RecurrentOptions } from './recurrent.ts';
import type { Trace } from './trace.ts';

/** What the weights of one layer and direction depend on. */
export interface WeightsOfLayer {
  readonly cell: Cell;
  readonly hiddenSize: number;
  /** Size of h: that of the projection where there is one. */
  readonly stateSize: number;
  readonly options: RecurrentOptions & { readonly forgetBias?: number };
}

/** Weights of one layer and direction, as the recurrence reads them. */
export interface RecurrentWeights {
  readonly weightIh: SymbolicTensor;
  readonly biasIh: SymbolicTensor | undefined;
  /** [gates·H]: the gains of W_ih·x where that is normalised. */
  readonly normIh: SymbolicTensor | undefined;
  /** [gates·H, H]; absent where the cell multiplies nothing. */
  readonly weight: SymbolicTensor | undefined;
  /** [(gates + parameters)·H]: bias_hh and the cell's parameters. */
  readonly bias: SymbolicTensor | undefined;
}

/**
 * Parameters of one layer and direction: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, and where the cell has
 * them a projection `weight_hr` [P, H] and values of its own. Shapes are those of PyTorch.
 *
 * @param ending - Of the parameters' names, e.g. `_l0_reverse`; empty for a cell alone.
 */
export function makeWeights(
  trace: Trace,
  name: string,
  ending: string,
  layer: WeightsOfLayer,
  inputSize: number,
): RecurrentWeights {
  const { cell, hiddenSize, stateSize, options } = layer;
  const rows = cell.inputGates * hiddenSize;
  const flat = uniform(1 / Math.sqrt(hiddenSize));
  const make = (kind: string, shape: readonly number[], values: Initializer = flat) =>
    trace.parameter(`${name}.${kind}${ending}`, shape, values);
  const label = `${name}/weights${ending}`;
  const { forgetBias, recurrentInitializer, bias = true } = options;
  const forget = cell.gates.indexOf('f') * hiddenSize;
  const biasValues = (value: number | undefined) =>
    value === undefined ? flat : withRows(flat, forget, forget + hiddenSize, value);

  const weightIh = make('weight_ih', [rows, inputSize]);
  let weight: SymbolicTensor | undefined;
  if (cell.multiplies) {
    const recurrentValues = recurrentInitializer === 'orthogonal' ? orthogonalBlocks : flat;
    const heads = options.heads ?? 1;
    const whole = make('weight_hh', [rows, stateSize / heads], recurrentValues);
    const rate = options.weightDropout ?? 0;
    const own = dropWeights(trace, whole, rate, `${name}/weight_dropout${ending}`);
    weight = heads > 1 ? blockDiagonal(own, hiddenSize, `${name}/heads${ending}`) : own;
  }
  const biasIh = bias ? make('bias_ih', [rows], biasValues(forgetBias)) : undefined;
  const biasHh =
    bias && cell.multiplies && !cell.norms
      ? make('bias_hh', [rows], biasValues(forgetBias === undefined ? undefined : 0))
      : undefined;
  if (weight && cell.gates.length > cell.inputGates) {
    const projection = make('weight_hr', [stateSize, hiddenSize]);
    weight = withProjection(weight, projection, layer, label);
  }
  const normIh = cell.norms ? make('norm_ih', [rows], constant(1)) : undefined;
  return { weightIh, biasIh, normIh, weight, bias: withParameters(biasHh, make, layer, label) };
}

/** Recurrent weights with a share of them left out: the same ones for all time steps of a training step. */
function dropWeights(
  { mode }: Trace,
  weight: SymbolicTensor,
  rate: number,
  label: string,
): SymbolicTensor {
  if (rate === 0 || mode !== 'training') return weight;
  return dropout(weight, { rate, stream: streamOf(label) }, label);
}

/** [(gates + 1)·H, H]: weight_hh [gates·H, P] and weight_hr [P, H] with zeros up to the hidden size. */
function withProjection(
  weight: SymbolicTensor,
  projection: SymbolicTensor,
  { cell, hiddenSize, stateSize }: WeightsOfLayer,
  label: string,
): SymbolicTensor {
  const rows = cell.inputGates * hiddenSize;
  const missing = hiddenSize - stateSize;
  const wide =
    missing > 0
      ? concat([weight, fill([rows, missing], 0, `${label}.no columns`)], `${label}.wide`)
      : weight;
  const parts = [
    reshape(wide, [rows * hiddenSize], `${label}.gates`),
    reshape(projection, [stateSize * hiddenSize], `${label}.projection`),
  ];
  if (missing > 0) parts.push(fill([missing * hiddenSize], 0, `${label}.no rows`));
  const all = concat(parts, `${label}.all`);
  return reshape(all, [cell.gates.length * hiddenSize, hiddenSize], `${label}.matrix`);
}

/** bias_hh, zeros for gates that have none, and the cell's parameters. */
function withParameters(
  biasHh: SymbolicTensor | undefined,
  make: (kind: string, shape: readonly number[], values?: Initializer) => SymbolicTensor,
  { cell, hiddenSize, options }: WeightsOfLayer,
  label: string,
): SymbolicTensor | undefined {
  const { parameterTensors = [] } = cell;
  const biased = biasHh ? cell.inputGates : 0;
  const bare = (cell.gates.length - biased) * hiddenSize;
  if (parameterTensors.length === 0 && (bare === 0 || !biasHh)) return biasHh;
  const parts = biasHh ? [biasHh] : [];
  if (bare > 0) parts.push(fill([bare], 0, `${label}.no bias`));
  // A recurrent weight of one unit keeps its state within bounds up to 1.
  const drawn = cell.multiplies ? undefined : uniform(1);
  for (const { name, count, initial, isBias } of parameterTensors) {
    const shape = [count * hiddenSize];
    if (isBias && options.bias === false) {
      parts.push(fill(shape, 0, `${label}.no ${name}`));
      continue;
    }
    parts.push(make(name, shape, initial === undefined ? drawn : constant(initial)));
  }
  return parts.length > 1 ? concat(parts, `${label}.bias`) : parts[0];
}
