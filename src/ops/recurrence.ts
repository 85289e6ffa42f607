import { OptionError, ShapeError } from '../errors.ts';
import type { Operator } from '../graph/operator.ts';
import { fill } from '../graph/sources.ts';
import {
  applyOperator,
  formatShape,
  type SymbolicTensor,
  sizeOf,
  type TensorType,
} from '../graph/tensor.ts';
import { evaluateForward } from './recurrence-evaluate.ts';
import {
  biasRows,
  type ExtraInputs,
  inputsOf,
  listExtras,
  type RecurrenceExtra,
  readInputs,
  recurrenceExtras,
} from './recurrence-extras.ts';
import { lowerForward } from './recurrence-forward-lower.ts';
import { recurrenceGradient, recurrenceWeightGradient } from './recurrence-gradient.ts';
import { layOutHistory, type RecurrenceAttributes } from './recurrence-shape.ts';
import { provideColumnSums } from './reduce.ts';

export type { RecurrenceAttributes } from './recurrence-shape.ts';

function requireShape(
  label: string,
  what: string,
  got: TensorType | undefined,
  expected: readonly number[],
  remedy: string,
): void {
  const shape = got?.shape ?? [];
  if (
    shape.length === expected.length &&
    shape.every((extent, axis) => extent === expected[axis])
  ) {
    return;
  }
  throw new ShapeError(
    `${label}: ${what} is ${formatShape(shape)}, expected ${formatShape(expected)}. ${remedy}`,
  );
}

/**
 * A cell over time; see `readInputs` for its inputs.
 * Outputs: y [T, B, H], final state [states, B, H], history and saved activations for backward.
 */
export const recurrenceOperator: Operator<RecurrenceAttributes> = {
  name: 'recurrence',
  readsHalf: (input) => input === 0,
  infer(inputs, attributes, label) {
    const { projected, weight, initial, bias, extras } = readInputs(inputs, attributes);
    const { cell, steps, batch, hiddenSize } = attributes;
    const rows = cell.gates.length * hiddenSize;
    requireShape(
      label,
      'projected input',
      projected,
      [steps, batch, cell.inputGates * hiddenSize],
      'It holds one value per gate and unit: linear(x, weight_ih).',
    );
    if (cell.multiplies) {
      requireShape(label, 'weight_hh', weight, [rows, hiddenSize], 'Rows are gates times units.');
    }
    requireShape(
      label,
      'initial state',
      initial,
      [cell.states.length, batch, hiddenSize],
      `States are ${cell.states.join(', ')}.`,
    );
    if (bias) {
      const expected = [biasRows(attributes) * hiddenSize];
      requireShape(label, 'bias_hh', bias, expected, 'One per gate and unit.');
    }
    const extraShapes = {
      lengths: [batch],
      mask: [batch, hiddenSize],
      zoneout: [cell.states.length, steps, batch, hiddenSize],
    };
    for (const [name, shape] of Object.entries(extraShapes)) {
      const extra = extras[name as RecurrenceExtra];
      if (extra) requireShape(label, name, extra, shape, 'One value per row, or row and unit.');
    }
    const layout = layOutHistory(attributes);
    return [
      { shape: [steps, batch, hiddenSize], dtype: 'f32' },
      { shape: [cell.states.length, batch, hiddenSize], dtype: 'f32' },
      { shape: [layout.sections * layout.sectionSize], dtype: 'f32' },
      { shape: [steps, batch, Math.max(1, cell.saved.length), hiddenSize], dtype: 'f32' },
    ];
  },
  differentiate(node, [dOutput, dFinal], needed) {
    const { projected, weight, bias, extras } = inputsOf(node);
    const [, , history, saved] = node.outputs as [
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor,
    ];
    const { cell } = node.attributes;
    const inputs = [weight, history, saved];
    if (dOutput) inputs.push(dOutput);
    if (dFinal) inputs.push(dFinal);
    if (bias && cell.parameters.length > 0) inputs.push(bias);
    inputs.push(...listExtras(extras));
    const attributes = {
      ...node.attributes,
      hasOutputGradient: dOutput !== undefined,
      hasFinalGradient: dFinal !== undefined,
    };
    const [dProjected, dRecurrent, dInitial] = applyOperator(
      recurrenceGradient,
      inputs,
      attributes,
      `${node.label}.gradient`,
    ) as [SymbolicTensor, SymbolicTensor, SymbolicTensor];
    if (projected.size !== dProjected.size) throw new TypeError('gradient of another size');
    if (!needed[1] && !needed[3]) return [dProjected, undefined, dInitial];
    const [dWeight, dBias] = applyOperator(
      recurrenceWeightGradient,
      [dRecurrent, history],
      node.attributes,
      `${node.label}.d_weight_hh`,
    ) as [SymbolicTensor, SymbolicTensor];
    // One tensor holds both gradients, and so do the sums of its columns: the input's bias needs no launch.
    if (!cell.gradientsApart) provideColumnSums(dProjected, dBias);
    return [dProjected, dWeight, dInitial, bias ? dBias : undefined];
  },
  evaluate: (inputs, attributes) => evaluateForward(attributes, readInputs(inputs, attributes)),
  lower: (node, lowering) => lowerForward({ nodes: [node] }, lowering),
};

/** Outputs of a recurrence. */
export interface RecurrenceResult {
  /** [T, B, H] hidden state after each time step. */
  readonly output: SymbolicTensor;
  /** [states, B, H] all states after the last processed step. */
  readonly final: SymbolicTensor;
}

/** What a recurrence reads. */
export interface RecurrenceArguments {
  /** [T, B, inputGates·H] W_ih·x + b_ih of every time step. */
  readonly projected: SymbolicTensor;
  /** [gates·H, H] weight_hh; absent where the cell multiplies nothing. */
  readonly weight?: SymbolicTensor | undefined;
  /** [states, B, H]. */
  readonly initial: SymbolicTensor;
  /** bias_hh and then the cell's parameters, which it must hold if there are any: [(gates + parameters)·H]. */
  readonly bias?: SymbolicTensor | undefined;
  readonly extras?: ExtraInputs<SymbolicTensor>;
}

/**
 * Runs a cell over time.
 *
 * @throws {ShapeError} if the shapes do not fit the cell.
 */
export function recurrence(
  { projected, weight, initial, bias, extras = {} }: RecurrenceArguments,
  attributes: Pick<RecurrenceAttributes, 'cell' | 'reverse' | 'stateSize'>,
  label = 'recurrence',
): RecurrenceResult {
  const { cell } = attributes;
  const [steps = 0, batch = 0, width = 0] = projected.shape;
  const hiddenSize = width / cell.inputGates;
  if (!Number.isInteger(hiddenSize) || sizeOf(projected.shape) === 0) {
    throw new OptionError(
      `${label}: projected input is ${formatShape(projected.shape)}, expected a last axis that is a ` +
        `multiple of ${cell.inputGates} gates.`,
    );
  }
  const names = recurrenceExtras.filter((name) => extras[name] !== undefined);
  const inputs = [projected, weight ?? fill([1], 0, `${label}/no weight`), initial];
  // What comes behind the bias is found by its place.
  if (bias) inputs.push(bias);
  else if (names.length > 0 || cell.parameters.length > 0) {
    inputs.push(fill([biasRows({ cell }) * hiddenSize], 0, `${label}/no bias`));
  }
  inputs.push(...listExtras(extras));
  const full = {
    ...attributes,
    steps,
    batch,
    hiddenSize,
    ...(names.length > 0 && { extras: names }),
  };
  const [output, final] = applyOperator(recurrenceOperator, inputs, full, label) as [
    SymbolicTensor,
    SymbolicTensor,
  ];
  return { output, final };
}
