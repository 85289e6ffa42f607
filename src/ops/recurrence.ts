import { OptionError, ShapeError } from '../errors.ts';
import type { Operator } from '../graph/operator.ts';
import {
  applyOperator,
  formatShape,
  type SymbolicTensor,
  sizeOf,
  type TensorType,
} from '../graph/tensor.ts';
import { evaluateForward } from './recurrence-evaluate.ts';
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
 * A cell over time. Inputs: projected [T, B, gates·H] (W_ih·x + b_ih of all steps), weight_hh [gates·H, H],
 * initial state [states, B, H], bias_hh [gates·H] (optional).
 * Outputs: y [T, B, H], final state [states, B, H], history and saved activations for backward.
 */
export const recurrenceOperator: Operator<RecurrenceAttributes> = {
  name: 'recurrence',
  readsHalf: (input) => input === 0,
  infer([projected, weight, initial, bias], attributes, label) {
    const { cell, steps, batch, hiddenSize } = attributes;
    const rows = cell.gates.length * hiddenSize;
    requireShape(
      label,
      'projected input',
      projected,
      [steps, batch, rows],
      'It holds one value per gate and unit: linear(x, weight_ih).',
    );
    requireShape(label, 'weight_hh', weight, [rows, hiddenSize], 'Rows are gates times units.');
    requireShape(
      label,
      'initial state',
      initial,
      [cell.states.length, batch, hiddenSize],
      `States are ${cell.states.join(', ')}.`,
    );
    if (bias) requireShape(label, 'bias_hh', bias, [rows], 'One per gate and unit.');
    const layout = layOutHistory(attributes);
    return [
      { shape: [steps, batch, hiddenSize], dtype: 'f32' },
      { shape: [cell.states.length, batch, hiddenSize], dtype: 'f32' },
      { shape: [layout.sections * layout.sectionSize], dtype: 'f32' },
      { shape: [steps, batch, Math.max(1, cell.saved.length), hiddenSize], dtype: 'f32' },
    ];
  },
  differentiate(node, [dOutput, dFinal], needed) {
    const [projected, weight, , bias] = node.inputs as [
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor?,
    ];
    const [, , history, saved] = node.outputs as [
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor,
      SymbolicTensor,
    ];
    const inputs = [weight, history, saved];
    if (dOutput) inputs.push(dOutput);
    if (dFinal) inputs.push(dFinal);
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
    if (!node.attributes.cell.gradientsApart) provideColumnSums(dProjected, dBias);
    return [dProjected, dWeight, dInitial, bias ? dBias : undefined];
  },
  evaluate: ([projected, weight, initial, bias], attributes) =>
    evaluateForward(attributes, {
      projected: projected as Float64Array,
      weight: weight as Float64Array,
      initial: initial as Float64Array,
      bias: bias as Float64Array | undefined,
    }),
  lower: (node, lowering) => lowerForward({ nodes: [node] }, lowering),
};

/** Outputs of a recurrence. */
export interface RecurrenceResult {
  /** [T, B, H] hidden state after each time step. */
  readonly output: SymbolicTensor;
  /** [states, B, H] all states after the last processed step. */
  readonly final: SymbolicTensor;
}

/**
 * Runs a cell over time.
 *
 * @param projected - [T, B, gates·H] W_ih·x + b_ih of every time step.
 * @param weight - [gates·H, H] weight_hh.
 * @param initial - [states, B, H].
 * @param bias - [gates·H] bias_hh.
 * @throws {ShapeError} if the shapes do not fit the cell.
 */
export function recurrence(
  projected: SymbolicTensor,
  weight: SymbolicTensor,
  initial: SymbolicTensor,
  bias: SymbolicTensor | undefined,
  attributes: Pick<RecurrenceAttributes, 'cell' | 'reverse'>,
  label = 'recurrence',
): RecurrenceResult {
  const [steps = 0, batch = 0, width = 0] = projected.shape;
  const hiddenSize = width / attributes.cell.gates.length;
  if (!Number.isInteger(hiddenSize) || sizeOf(projected.shape) === 0) {
    throw new OptionError(
      `${label}: projected input is ${formatShape(projected.shape)}, expected a last axis that is a ` +
        `multiple of ${attributes.cell.gates.length} gates.`,
    );
  }
  const inputs = bias ? [projected, weight, initial, bias] : [projected, weight, initial];
  const full = { ...attributes, steps, batch, hiddenSize };
  const [output, final] = applyOperator(recurrenceOperator, inputs, full, label) as [
    SymbolicTensor,
    SymbolicTensor,
  ];
  return { output, final };
}
