import type { Operator } from '../graph/operator.ts';
import { lowerBackward } from './recurrence-backward-lower.ts';
import { evaluateBackward, evaluateWeightGradient } from './recurrence-evaluate.ts';
import { biasRows, readGradientInputs } from './recurrence-extras.ts';
import type { RecurrenceAttributes, RecurrenceGradientAttributes } from './recurrence-shape.ts';
import { lowerWeightGradient } from './recurrence-weight-gradient.ts';

/**
 * Gradient of a recurrence; see `readGradientInputs` for its inputs. Outputs: dProjected [T, B, inputGates·H],
 * dRecurrent [T, B, (gates + parameters)·H] (one tensor unless the cell keeps them apart), dInitial [states, B, H].
 */
export const recurrenceGradient: Operator<RecurrenceGradientAttributes> = {
  name: 'recurrence-gradient',
  // History, saved and the output's gradient.
  readsHalf: (input, { attributes }) => input > 0 && input < (attributes.hasOutputGradient ? 4 : 3),
  infer(_inputs, attributes) {
    const { cell, steps, batch, hiddenSize } = attributes;
    const type = (...shape: number[]) => ({ shape, dtype: 'f32' }) as const;
    return [
      type(steps, batch, cell.inputGates * hiddenSize),
      type(steps, batch, biasRows(attributes) * hiddenSize),
      type(cell.states.length, batch, hiddenSize),
    ];
  },
  evaluate: (inputs, attributes) =>
    evaluateBackward(attributes, readGradientInputs(inputs, attributes)),
  lower: (node, lowering) => lowerBackward({ nodes: [node] }, lowering),
};

/**
 * dWeight_hh [gates·H, H], a number without meaning where the cell multiplies nothing, and dBias
 * [(gates + parameters)·H]. Inputs: dRecurrent, history.
 */
export const recurrenceWeightGradient: Operator<RecurrenceAttributes> = {
  name: 'recurrence-weight-gradient',
  readsHalf: () => true,
  infer(_inputs, attributes) {
    const { cell, hiddenSize } = attributes;
    const weight = cell.multiplies ? [cell.gates.length * hiddenSize, hiddenSize] : [1];
    return [
      { shape: weight, dtype: 'f32' },
      { shape: [biasRows(attributes) * hiddenSize], dtype: 'f32' },
    ];
  },
  evaluate: ([dRecurrent, history], attributes) =>
    evaluateWeightGradient(attributes, dRecurrent as Float64Array, history as Float64Array),
  lower: lowerWeightGradient,
};
