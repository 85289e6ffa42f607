import type { Operator } from '../graph/operator.ts';
import { lowerBackward, lowerWeightGradient } from './recurrence-backward-lower.ts';
import { evaluateBackward, evaluateWeightGradient } from './recurrence-evaluate.ts';
import type { RecurrenceAttributes, RecurrenceGradientAttributes } from './recurrence-shape.ts';

/**
 * Gradient of a recurrence. Inputs: weight_hh, history, saved, then dOutput [T, B, H] and dFinal
 * [states, B, H] where given. Outputs: dProjected and dRecurrent [T, B, gates·H] (one tensor unless the cell
 * keeps them apart), dInitial [states, B, H].
 */
export const recurrenceGradient: Operator<RecurrenceGradientAttributes> = {
  name: 'recurrence-gradient',
  // All but the weight and the final gradient.
  readsHalf: (input) => input > 0,
  infer(_inputs, { cell, steps, batch, hiddenSize }) {
    const gates = { shape: [steps, batch, cell.gates.length * hiddenSize], dtype: 'f32' } as const;
    return [gates, gates, { shape: [cell.states.length, batch, hiddenSize], dtype: 'f32' }];
  },
  evaluate(inputs, attributes) {
    const [weight, history, saved, ...rest] = inputs as Float64Array[];
    return evaluateBackward(attributes, {
      weight: weight as Float64Array,
      history: history as Float64Array,
      saved: saved as Float64Array,
      dOutput: attributes.hasOutputGradient ? rest[0] : undefined,
      dFinal: attributes.hasFinalGradient ? rest.at(-1) : undefined,
    });
  },
  lower: (node, lowering) => lowerBackward({ nodes: [node] }, lowering),
};

/** dWeight_hh [gates·H, H] and dBias_hh [gates·H]. Inputs: dRecurrent, history. */
export const recurrenceWeightGradient: Operator<RecurrenceAttributes> = {
  name: 'recurrence-weight-gradient',
  readsHalf: () => true,
  infer(_inputs, { cell, hiddenSize }) {
    const rows = cell.gates.length * hiddenSize;
    return [
      { shape: [rows, hiddenSize], dtype: 'f32' },
      { shape: [rows], dtype: 'f32' },
    ];
  },
  evaluate: ([dRecurrent, history], attributes) =>
    evaluateWeightGradient(attributes, dRecurrent as Float64Array, history as Float64Array),
  lower: lowerWeightGradient,
};
