import type { ActivationChoice } from '../cells/activations.ts';
import type { CellOptions } from '../cells/cell.ts';
import type { CellName } from '../cells/registry.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import type { NamedLayerOptions } from './basic.ts';
import { type Layer, type LayerConfig, requireSize } from './layer.ts';
import type { MergeMode } from './merge.ts';
import {
  checkRate,
  checkWeights,
  readDirections,
  readMerge,
  readResidual,
  resolveCell,
} from './recurrent-checks.ts';
import { type RegularizationOptions, readRegularization } from './recurrent-regularization.ts';
import { runStack, type Stack } from './recurrent-stack.ts';
import type { RecurrentState } from './recurrent-state.ts';

/** Which way a recurrent layer reads time. */
export type Direction = 'forward' | 'reverse' | 'bidirectional';

/** Options of every recurrent layer. */
export interface RecurrentOptions extends NamedLayerOptions, RegularizationOptions {
  /** Stacked layers, default 1. */
  readonly layers?: number;
  /** Default `forward`. */
  readonly direction?: Direction;
  /**
   * What a bidirectional layer makes of both directions' outputs, in every layer of a stack: `concat`
   * (PyTorch, default), `sum`, `mean` or `multiply`, as Keras's `merge_mode`; `separate` leaves them apart, in
   * `run(x).outputs`.
   */
  readonly merge?: MergeMode;
  /** Each layer above the first adds its input to its output; dropout acts on the layer's path only. */
  readonly residual?: boolean;
  /** Default true: `bias_ih` and `bias_hh`. */
  readonly bias?: boolean;
  /** Dropout rate between stacked layers while training, default 0. */
  readonly dropout?: number;
  /**
   * Rate at which every layer loses inputs while training, default 0: one mask per sequence for all its time
   * steps, as Keras's `dropout`; both directions share it.
   */
  readonly inputDropout?: number;
  /** Rate at which `weight_hh` loses weights while training, default 0: one mask per step (DropConnect). */
  readonly weightDropout?: number;
  /** First values of `weight_hh`: uniform in ±1/√H (PyTorch, default) or one orthogonal block per gate. */
  readonly recurrentInitializer?: 'uniform' | 'orthogonal';
  /** Groups of units that see only themselves through `weight_hh`, default 1; a divisor of the hidden size. */
  readonly heads?: number;
}

/** Options of {@link rnn}. */
export interface RnnOptions extends RecurrentOptions {
  /** Default `tanh`. */
  readonly nonlinearity?: ActivationChoice;
  /** Bound on the input of the nonlinearity. Default none. */
  readonly clip?: number;
}

/** Options of {@link indRnn}. */
export interface IndRnnOptions extends RecurrentOptions {
  /** Default `relu`. */
  readonly nonlinearity?: ActivationChoice;
  /** Bound on the input of the nonlinearity. Default none. */
  readonly clip?: number;
}

/** Options of {@link lstm}. */
export interface LstmOptions extends RecurrentOptions {
  /** First value of the forget gate's bias; PyTorch's uniform values if absent, 1 is a common choice. */
  readonly forgetBias?: number;
  /** Size P of h where it is projected, `weight_hr` [P, H]; c keeps the hidden size. Default 0: not. */
  readonly projectionSize?: number;
  /** Gates see the cell, `peephole` [3H] for i, f, o: i and f the old one, o the new one. Default false. */
  readonly peepholes?: boolean;
  /** f = 1 − i. Default false. */
  readonly inputForget?: boolean;
  /**
   * W_ih x, W_hh h, and the cell on its way to h are normalised over the row: gains `norm_ih`, `norm_hh` [4H], `norm_c`
   * [H] with `norm_c_bias`. Default false.
   */
  readonly layerNorm?: boolean;
  /** Of the gates, the candidate and the cell's output. Default sigmoid, tanh, tanh. */
  readonly activations?: readonly [ActivationChoice, ActivationChoice, ActivationChoice];
  /** Bound on the input of every gate. Default none. */
  readonly clip?: number;
}

/** Options of {@link gru}. */
export interface GruOptions extends RecurrentOptions {
  /** Of the gates r and z, and of the candidate. Default sigmoid, tanh. */
  readonly activations?: readonly [ActivationChoice, ActivationChoice];
  /** Bound on the input of every gate. Default none. */
  readonly clip?: number;
  /** Whether the reset gate acts before or after the recurrent matmul. Default `after` (PyTorch, cuDNN). */
  readonly reset?: 'before' | 'after';
  /** W_ih x and W_hh h are normalised over the row: gains `norm_ih` and `norm_hh` [3H]. Default false. */
  readonly layerNorm?: boolean;
  /** Which side z weighs: `keep` the old state (PyTorch, default) or `replace` it. */
  readonly update?: 'keep' | 'replace';
}

/** Options of {@link slstm}. */
export interface SlstmOptions extends RecurrentOptions {
  /** First value of the forget gate's bias; uniform values if absent. */
  readonly forgetBias?: number;
  /** Whether the forget gate is a σ (default) or an exponential, as the input gate is. */
  readonly forget?: 'sigmoid' | 'exponential';
}

/** What a recurrent layer gives. */
export interface RecurrentResult {
  /** [T, B, H], or [T, B, directions·H] where directions are side by side. Reading it is refused for `separate`. */
  readonly output: SymbolicTensor;
  /** The last layer's output of each direction, [T, B, H], all in the order of time. */
  readonly outputs: readonly SymbolicTensor[];
  /** Final states [layers·directions, B, H]. */
  readonly state: RecurrentState;
}

/** A recurrent layer: called on [T, B, I] it gives its output. */
export interface RecurrentLayer extends Layer {
  /**
   * Like a call, with states in and out.
   *
   * @param state - states to start from; what is absent starts at zero.
   * @param options - `lengths`, i32 [B]: the steps of each row that are no padding. Behind them outputs are zero and
   *   states stay, a reverse direction starts at the last of them, and nothing in the padding matters as long as it is finite.
   */
  run(
    x: SymbolicTensor,
    state?: RecurrentState,
    options?: { readonly lengths?: SymbolicTensor },
  ): RecurrentResult;
}

const COMMON_OPTIONS = [
  'name',
  'layers',
  'direction',
  'merge',
  'residual',
  'bias',
  'dropout',
  'inputDropout',
] as const;

/** Of cells with a loop over time. */
const RECURRENT_OPTIONS = [
  'recurrentInitializer',
  'heads',
  'recurrentDropout',
  'weightDropout',
  'zoneout',
] as const;

/** The independent RNN, h' = relu(W_ih x + b_ih + u h): `weight_hh` [H], one recurrent weight per unit. */
export function indRnn(hiddenSize: number, options: IndRnnOptions = {}): RecurrentLayer {
  return recurrent('indRnn', hiddenSize, { ...options });
}

/** The vanilla RNN, h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or another nonlinearity. */
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

/** The sLSTM of the xLSTM (Beck et al. 2024); gate order z, i, f, o. Its states are h, c, n and m. */
export function slstm(hiddenSize: number, options: SlstmOptions = {}): RecurrentLayer {
  return recurrent('slstm', hiddenSize, { ...options });
}

/**
 * A recurrent layer of any registered cell.
 *
 * Parameters per layer l (and `_reverse`): `weight_ih_l` [gates·H, I], `weight_hh_l` [gates·H, H],
 * `bias_ih_l`, `bias_hh_l` [gates·H], uniform in ±1/√H. With `heads`, `weight_hh_l` is [gates·H, H / heads]. Cells whose
 * steps are a scan have no `hh`.
 *
 * @throws {OptionError} for sizes, options or option values that do not fit the cell.
 */
export function recurrent(
  cellName: CellName,
  hiddenSize: number,
  options: RecurrentOptions & { readonly forgetBias?: number } & CellOptions = {},
): RecurrentLayer {
  const known = { common: COMMON_OPTIONS, recurrent: RECURRENT_OPTIONS };
  const resolved = resolveCell(cellName, cellName, hiddenSize, options, known);
  const stack: Stack = {
    ...resolved,
    kind: cellName,
    hiddenSize,
    layers: requireSize(cellName, 'layers', options.layers ?? 1),
    directions: readDirections(cellName, options.direction ?? 'forward'),
    merge: readMerge(cellName, options),
    residual: readResidual(cellName, options),
    regularization: readRegularization(cellName, resolved.cell, options),
    options,
  };
  for (const option of ['dropout', 'inputDropout', 'weightDropout'] as const) {
    checkRate(cellName, option, options[option]);
  }
  checkWeights(cellName, stack);
  const run: RecurrentLayer['run'] = (x, state = {}, { lengths } = {}) =>
    runStack(layer, stack, x, state, lengths);
  const config: LayerConfig = { kind: cellName, hiddenSize, ...options };
  const layer: RecurrentLayer = Object.assign((x: SymbolicTensor) => run(x).output, {
    kind: cellName,
    config,
    run,
  });
  return layer;
}
