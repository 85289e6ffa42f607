import type { CellOptions } from '../cells/cell.ts';
import type { CellName } from '../cells/registry.ts';
import { ShapeError } from '../errors.ts';
import { formatShape, type SymbolicTensor } from '../graph/tensor.ts';
import { reshape } from '../ops/reshape.ts';
import { type Layer, requireAxes } from './layer.ts';
import type {
  GruOptions,
  IndRnnOptions,
  LstmOptions,
  RecurrentOptions,
  RnnOptions,
} from './recurrent.ts';
import { checkRate, checkWeights, resolveCell } from './recurrent-checks.ts';
import { readRegularization } from './recurrent-regularization.ts';
import { runLayer } from './recurrent-stack.ts';
import {
  checkState,
  collectStates,
  initialOf,
  type RecurrentState,
  type StatesOfStack,
  sizeOfState,
} from './recurrent-state.ts';
import { currentTrace } from './trace.ts';

const KNOWN_OPTIONS = {
  common: ['name', 'bias'],
  recurrent: ['recurrentInitializer', 'heads', 'weightDropout'],
};

/** Options of recurrent layers that a single step does not have. */
export type LayerOnlyOption = Exclude<
  keyof RecurrentOptions,
  'name' | 'bias' | 'heads' | 'weightDropout' | 'recurrentInitializer'
>;

/** One time step of a recurrent layer: called on x [B, I] it gives the next h, [B, H]. */
export interface RecurrentCell extends Layer {
  /**
   * Like a call, with states in and out.
   *
   * @param state - [B, H] each: `h`, and `c` for an LSTM; what is absent is zero. Without any, a stream goes on
   *   from the step before.
   * @returns the next states by name, [B, H] each, and h once more as the output.
   */
  run(
    x: SymbolicTensor,
    state?: RecurrentState,
  ): { readonly output: SymbolicTensor; readonly state: RecurrentState };
}

/** One step of {@link rnn}; parameters as PyTorch's nn.RNNCell. */
export function rnnCell(
  hiddenSize: number,
  options: Omit<RnnOptions, LayerOnlyOption> = {},
): RecurrentCell {
  return recurrentCell('rnn', hiddenSize, { ...options });
}

/** One step of {@link lstm}; parameters as PyTorch's nn.LSTMCell. */
export function lstmCell(
  hiddenSize: number,
  options: Omit<LstmOptions, LayerOnlyOption> = {},
): RecurrentCell {
  return recurrentCell('lstm', hiddenSize, { ...options });
}

/** One step of {@link indRnn}. */
export function indRnnCell(
  hiddenSize: number,
  options: Omit<IndRnnOptions, LayerOnlyOption> = {},
): RecurrentCell {
  return recurrentCell('indRnn', hiddenSize, { ...options });
}

/** One step of {@link gru}; parameters as PyTorch's nn.GRUCell. */
export function gruCell(
  hiddenSize: number,
  options: Omit<GruOptions, LayerOnlyOption> = {},
): RecurrentCell {
  return recurrentCell('gru', hiddenSize, { ...options });
}

/**
 * One step of any registered cell, for loops written by hand and for streams.
 *
 * Parameters: `weight_ih` [gates·H, I], `weight_hh` [gates·H, H], `bias_ih`, `bias_hh` [gates·H], uniform in
 * ±1/√H. Applying the cell several times shares them.
 *
 * @throws {OptionError} for sizes, options or option values that do not fit the cell.
 */
export function recurrentCell(
  cellName: CellName,
  hiddenSize: number,
  options: Omit<RecurrentOptions, LayerOnlyOption> & {
    readonly forgetBias?: number;
  } & CellOptions = {},
): RecurrentCell {
  const kind = `${cellName}Cell`;
  const resolved = resolveCell(kind, cellName, hiddenSize, options, KNOWN_OPTIONS);
  checkRate(kind, 'weightDropout', options.weightDropout);
  const regularization = readRegularization(kind, resolved.cell, {});
  const shape = { kind: cellName, hiddenSize, layers: 1, directions: [false] };
  const stack = { ...resolved, ...shape, regularization, options };
  checkWeights(kind, stack);
  /** States that steps have given: who starts from one goes on with the sequence. */
  const made = new WeakSet<SymbolicTensor>();
  const run: RecurrentCell['run'] = (x, given = {}) => {
    const trace = currentTrace(kind);
    const name = trace.names.nameOf(layer, kind, options.name);
    const remedy =
      x.dtype === 'i32'
        ? 'Put an embedding or oneHot in front of it.'
        : `A cell takes one time step; ${cellName}() takes [T, B, I].`;
    requireAxes(name, x, ['B', 'I'], 'f32', remedy);
    const [batch] = x.shape as [number, number];
    const lifted = liftStates(name, stack, batch, given);
    checkState(name, stack, batch, lifted);
    const initial = initialOf(trace, name, 'step', stack, batch, lifted, 0);
    const { output, final } = runLayer(trace, name, '', stack, x, initial, false);
    trace.finalState(`${name}.step`, initial, final);
    if (Object.values(given).some((tensor) => made.has(tensor))) {
      trace.extendState(`${name}.step`, final);
    }
    const lower = (tensor: SymbolicTensor, what: string) =>
      reshape(tensor, tensor.shape.slice(1), `${name}/${what}`);
    const finals = Object.entries(collectStates(name, stack, [final]));
    const state = Object.fromEntries(
      finals.map(([key, tensor]) => [key, lower(tensor, `next.${key}`)]),
    );
    for (const tensor of Object.values(state)) made.add(tensor);
    return { output: lower(output, 'output'), state };
  };
  const layer: RecurrentCell = Object.assign((x: SymbolicTensor) => run(x).output, {
    kind,
    config: { kind, hiddenSize, ...options },
    run,
  });
  return layer;
}

/** States [B, H] as those of one layer and direction, [1, B, H]. */
function liftStates(
  name: string,
  stack: StatesOfStack,
  batch: number,
  given: RecurrentState,
): RecurrentState {
  return Object.fromEntries(
    Object.entries(given).map(([key, tensor]) => {
      const index = stack.cell.states.indexOf(key);
      const shape = [batch, sizeOfState(stack, index)];
      if (index >= 0 && tensor.shape.join() !== shape.join()) {
        throw new ShapeError(
          `${name}: state ${key} is ${formatShape(tensor.shape)}, expected ${formatShape(shape)}: ` +
            '[batch, hiddenSize].',
        );
      }
      return [key, reshape(tensor, [1, ...tensor.shape], `${name}/${key}`)];
    }),
  );
}
