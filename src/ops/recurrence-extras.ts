import type { Values } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import type { RecurrenceAttributes, RecurrenceGradientAttributes } from './recurrence-shape.ts';

/**
 * What a recurrence may be given beside its states, in the order in which the kernels find it:
 * - `lengths` i32 [B]: steps at or behind a row's length leave its state as it is;
 * - `mask` [B, H]: a factor on the h that the recurrent matmul reads, the same at all steps (recurrent dropout);
 * - `zoneout` [states, T, B, H]: the share of the new value in a state; the rest stays as it was.
 */
export const recurrenceExtras = ['lengths', 'mask', 'zoneout'] as const;

/** One of {@link recurrenceExtras}. */
export type RecurrenceExtra = (typeof recurrenceExtras)[number];

/** The extras that a recurrence has, by name. */
export type ExtraInputs<T> = Partial<Readonly<Record<RecurrenceExtra, T>>>;

/** Whether a recurrence is given something. */
export function hasExtra({ extras }: RecurrenceAttributes, name: RecurrenceExtra): boolean {
  return extras?.includes(name) ?? false;
}

/** Rows of bias_hh, and behind them the cell's parameters: a vector [H] each. */
export function biasRows({ cell }: Pick<RecurrenceAttributes, 'cell'>): number {
  return cell.gates.length + cell.parameters.length;
}

/** Inputs of a recurrence by name. */
export interface RecurrenceInputs<T> {
  /** [T, B, inputGates·H]. */
  readonly projected: T;
  /** [gates·H, H]; a number that nobody reads where the cell multiplies nothing. */
  readonly weight: T;
  /** [states, B, H]. */
  readonly initial: T;
  /** [(gates + parameters)·H]: bias_hh, then the cell's parameters. */
  readonly bias: T | undefined;
  readonly extras: ExtraInputs<T>;
}

/** Sorts a recurrence's inputs, or their values. */
export function readInputs<T>(
  inputs: readonly T[],
  attributes: RecurrenceAttributes,
): RecurrenceInputs<T> {
  const [projected, weight, initial, bias, ...rest] = inputs as [T, T, T, T?, ...T[]];
  return { projected, weight, initial, bias, extras: nameExtras(rest, attributes) };
}

/** Inputs of a recurrence's gradient by name. */
export interface RecurrenceGradientInputs<T> {
  readonly weight: T;
  readonly history: T;
  readonly saved: T;
  /** [T, B, H]. */
  readonly dOutput: T | undefined;
  /** [states, B, H]. */
  readonly dFinal: T | undefined;
  /** The recurrence's own bias, where the cell has parameters. */
  readonly bias: T | undefined;
  readonly extras: ExtraInputs<T>;
}

/** Sorts the inputs of a recurrence's gradient, or their values. */
export function readGradientInputs<T>(
  inputs: readonly T[],
  attributes: RecurrenceGradientAttributes,
): RecurrenceGradientInputs<T> {
  const [weight, history, saved, ...rest] = inputs as [T, T, T, ...T[]];
  const take = (has: boolean) => (has ? rest.shift() : undefined);
  const dOutput = take(attributes.hasOutputGradient);
  const dFinal = take(attributes.hasFinalGradient);
  const bias = take(attributes.cell.parameters.length > 0);
  const extras = nameExtras(rest, attributes);
  return { weight, history, saved, dOutput, dFinal, bias, extras };
}

function nameExtras<T>(rest: readonly T[], { extras = [] }: RecurrenceAttributes): ExtraInputs<T> {
  return Object.fromEntries(extras.map((name, index) => [name, rest[index] as T]));
}

/** The extras of a node's inputs, in the kernels' order. */
export function listExtras<T>(extras: ExtraInputs<T>): T[] {
  return recurrenceExtras.flatMap((name) => extras[name] ?? []);
}

/** Reads the extras of one row and unit in the reference. */
export class ExtraValues {
  private readonly attributes: RecurrenceAttributes;
  private readonly values: ExtraInputs<Values>;

  constructor(attributes: RecurrenceAttributes, values: ExtraInputs<Values>) {
    this.attributes = attributes;
    this.values = values;
  }

  /** Whether time step t of a row is behind the end of its sequence. */
  isPadding(t: number, row: number): boolean {
    const { lengths } = this.values;
    return lengths !== undefined && t >= (lengths[row] as number);
  }

  /** The factor on h, `at` being row·H + unit. */
  factor(at: number): number {
    return this.values.mask?.[at] ?? 1;
  }

  /** The share of the new value in a state. */
  share(state: number, t: number, at: number): number {
    const { steps, batch, hiddenSize } = this.attributes;
    return this.values.zoneout?.[(state * steps + t) * batch * hiddenSize + at] ?? 1;
  }
}

/** The symbolic inputs of a recurrence by name. */
export function inputsOf(node: GraphNode<RecurrenceAttributes>): RecurrenceInputs<SymbolicTensor> {
  return readInputs(node.inputs, node.attributes);
}

/** The symbolic inputs of a recurrence's gradient by name. */
export function gradientInputsOf(
  node: GraphNode<RecurrenceGradientAttributes>,
): RecurrenceGradientInputs<SymbolicTensor> {
  return readGradientInputs(node.inputs, node.attributes);
}
