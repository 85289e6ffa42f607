import type { ScanCell } from './scan-cell.ts';

/**
 * One time step of one unit, seen from a cell: scalars indexed by gate, state or saved value.
 * The mirror of `CellStep` in `shaders/lib/cell-step.wgsl`.
 */
export interface CellStep {
  /** [gates] W_ih·x + b_ih. */
  readonly x: Float64Array;
  /** [gates] W_hh·v + b_hh, v the vector of the gate's phase. Gates of later phases are not set yet. */
  readonly u: Float64Array;
  /** [states] state before this step. */
  readonly state: Float64Array;
  /** [saved] what backward needs; each entry is set in its phase and may be read in later ones. */
  readonly saved: Float64Array;
  /** [states] state after this step; set in the state's phase. */
  readonly next: Float64Array;
  /** What the next phase's recurrent matmul multiplies; set in every phase but the last. */
  vector: number;
  /** [parameters] the unit's own trained values. */
  readonly parameters: Float64Array;
}

/**
 * Gradient of one time step of one unit. The mirror of `CellGradient` in `shaders/lib/cell-step.wgsl`.
 */
export interface CellGradient {
  /** [saved] as kept by the forward step. */
  readonly saved: Float64Array;
  /** [states] state before the step. */
  readonly state: Float64Array;
  /** [states] state after the step. */
  readonly next: Float64Array;
  /** [states] gradient of the state after the step, complete. Set in the last phase only. */
  readonly dNext: Float64Array;
  /** Gradient of the vector this phase produced; set in every phase but the last. */
  dVector: number;
  /** [gates] gradient of W_ih·x + b_ih. */
  readonly dx: Float64Array;
  /** [gates] gradient of W_hh·v + b_hh. */
  readonly du: Float64Array;
  /** [states] gradient of the state before the step, without the part through W_hh. */
  readonly dState: Float64Array;
  /** [parameters] the unit's own trained values. */
  readonly parameters: Float64Array;
  /** [parameters] their gradient at this step; set in phase 0. */
  readonly dParameters: Float64Array;
}

/**
 * Layer normalisation inside a step: values that one phase saves reach the next one normalised over all units of the
 * batch row, gain · (value − mean) / √(variance + 1e-5) + shift. The values are the products W_hh·v of that phase's
 * gates, which arrive as `u`, or, of a phase without gates, a single one, which arrives as `vector`.
 */
export interface CellNorm {
  /** The phase that finds them normalised. */
  readonly phase: number;
  /** The first value in `saved`. */
  readonly values: number;
  readonly count: number;
  /** In `saved`: the mean of the row, and behind it 1 / deviation. Set before the phase begins. */
  readonly statistics: number;
  /** First of `count` gains among the parameters. */
  readonly gain: number;
  /** First of `count` shifts among the parameters. */
  readonly shift: number;
}

/** A tensor of the layer, [count·H], that holds parameters of a cell, one behind the other. */
export interface ParameterTensor {
  readonly name: string;
  readonly count: number;
  /** First value of all elements; random ones unless given. */
  readonly initial?: number;
  /** Whether it is a bias, which a layer may do without. */
  readonly isBias?: boolean;
}

/** Cell options that are chosen when a layer is built, checked by the cell's `parseOptions`. */
export type CellOptions = Readonly<Record<string, unknown>>;

/**
 * A recurrent cell: its gate table and one time step, forward and backward, in float64.
 *
 * It knows nothing of time, batch or device. Its WGSL twin is `shaders/cells/<shader>.wgsl`, joined into
 * the recurrence kernels; both are held against each other by the tests.
 */
export interface Cell {
  /** Name of the WGSL file in `shaders/cells`, e.g. `lstm`. */
  readonly shader: string;
  /** Gates in the row order of `weight_hh`, and of `weight_ih` as far as that has them. */
  readonly gates: readonly string[];
  /** How many gates `weight_ih` feeds, from the first on. */
  readonly inputGates: number;
  /** Trained values of each unit beside the weights, a vector [H] each, e.g. peepholes; those of norms first. */
  readonly parameters: readonly string[];
  /** The layer's tensors that hold them, in their order; absent where there are none. */
  readonly parameterTensors?: readonly ParameterTensor[];
  /**
   * What is normalised inside a step, by phase; absent where nothing is. Such a cell has no bias_hh but what is among
   * its parameters, which it does not read itself; and its layer normalises W_ih·x, too.
   */
  readonly norms?: readonly CellNorm[];
  /** States carried through time, `h` first. */
  readonly states: readonly string[];
  /** States that are never negative, if any. */
  readonly positiveStates?: readonly string[];
  /** Values per unit and step that backward needs beside the states. */
  readonly saved: readonly string[];
  /** Gate ranges [begin, end), one per recurrent matmul in a step. */
  readonly phases: readonly (readonly [begin: number, end: number])[];
  /** The phase that sets each state. */
  readonly statePhases: readonly number[];
  /** Whether gates have recurrent weights; without them a phase multiplies nothing. */
  readonly multiplies: boolean;
  /** Whether a mask on h (recurrent dropout) covers the vectors between phases, too: they hold h. */
  readonly masksVector: boolean;
  /**
   * Whether a state can keep its old value while others change (zoneout). It cannot where backward reads a new
   * state for another one's gradient, or where states are made in different phases.
   */
  readonly allowsZoneout: boolean;
  /**
   * Whether the gradients of W_ih·x and W_hh·v are kept apart: they differ (reset-after GRU), or their rows do
   * (parameters, gates without an input).
   */
  readonly gradientsApart: boolean;
  /** Values of the constants that the WGSL part specialises. */
  readonly constants: Readonly<Record<string, number | boolean>>;
  /** One phase of a step: reads `x`, `u`, `state` and earlier `saved`, sets `saved`, `vector` or `next`. */
  forward(phase: number, step: CellStep): void;
  /** Backward of one phase, called from the last to the first. */
  backward(phase: number, gradient: CellGradient): void;
}

/** A registry entry: what users can choose, and how a choice becomes a cell. */
export interface CellDefinition<C extends Cell | ScanCell = Cell> {
  readonly name: string;
  /** One line for the CLI's help and the tables of the docs. */
  readonly summary: string;
  /** The formulas of one step, one per line. */
  readonly formulas: readonly string[];
  /** Names of the options that {@link create} accepts. */
  readonly optionNames: readonly string[];
  /** Choices of options that make cells of their own, the default first: what every test runs through. */
  readonly variants: readonly CellOptions[];
  /** Further choices, one or more for every other option. */
  readonly options: readonly CellOptions[];
  /** Builds the cell. @throws {OptionError} for a value it does not know. */
  create(options: CellOptions): C;
}
