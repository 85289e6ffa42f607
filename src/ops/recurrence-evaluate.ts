import type { CellGradient, CellStep } from '../cells/cell.ts';
import { layOutHistory, type RecurrenceAttributes } from './recurrence-shape.ts';

/** Arguments of the reference's forward pass. */
interface ForwardValues {
  readonly projected: Float64Array;
  readonly weight: Float64Array;
  readonly initial: Float64Array;
  readonly bias: Float64Array | undefined;
}

/** Sum over units k of matrix[row, k]·vector[begin + k]. */
function dotRow(
  matrix: Float64Array,
  row: number,
  vector: Float64Array,
  begin: number,
  size: number,
): number {
  let sum = 0;
  for (let k = 0; k < size; k++) {
    sum += (matrix[row * size + k] as number) * (vector[begin + k] as number);
  }
  return sum;
}

/** The recurrence in float64, one unit at a time. Returns y, final, history, saved. */
export function evaluateForward(
  attributes: RecurrenceAttributes,
  { projected, weight, initial, bias }: ForwardValues,
): Float64Array[] {
  const { cell, steps, batch, hiddenSize: H, reverse } = attributes;
  const layout = layOutHistory(attributes);
  const gates = cell.gates.length;
  const savedCount = cell.saved.length;
  const history = new Float64Array(layout.sections * layout.sectionSize);
  const saved = new Float64Array(steps * batch * Math.max(1, savedCount) * H);
  const row = batch * H;
  for (const [s] of cell.states.entries()) {
    history.set(initial.subarray(s * row, (s + 1) * row), s * layout.sectionSize + layout.slot(0));
  }
  for (let position = 0; position < steps; position++) {
    const t = reverse ? steps - 1 - position : position;
    const [before, after] = [layout.slot(position), layout.slot(position + 1)];
    for (const [phase, [firstGate, endGate]] of cell.phases.entries()) {
      const vector =
        phase === 0 ? before : (cell.states.length + phase - 1) * layout.sectionSize + after;
      for (let b = 0; b < batch; b++) {
        for (let unit = 0; unit < H; unit++) {
          const at = b * H + unit;
          const step: CellStep = {
            x: new Float64Array(gates),
            u: new Float64Array(gates),
            state: Float64Array.from(
              cell.states,
              (_name, s) => history[s * layout.sectionSize + before + at] as number,
            ),
            saved: new Float64Array(savedCount),
            next: new Float64Array(cell.states.length),
            vector: 0,
          };
          const savedAt = (t * batch + b) * savedCount * H + unit;
          for (let i = 0; i < savedCount; i++) step.saved[i] = saved[savedAt + i * H] as number;
          for (let g = firstGate; g < endGate; g++) {
            const gateRow = g * H + unit;
            step.x[g] = projected[(t * batch + b) * gates * H + gateRow] as number;
            step.u[g] =
              dotRow(weight, gateRow, history, vector + b * H, H) +
              (bias ? (bias[gateRow] as number) : 0);
          }
          cell.forward(phase, step);
          for (let i = 0; i < savedCount; i++) saved[savedAt + i * H] = step.saved[i] as number;
          if (phase === cell.phases.length - 1) {
            for (const [s] of cell.states.entries()) {
              history[s * layout.sectionSize + after + at] = step.next[s] as number;
            }
          } else {
            const section = cell.states.length + phase;
            history[section * layout.sectionSize + after + at] = step.vector;
          }
        }
      }
    }
  }
  const final = new Float64Array(cell.states.length * row);
  for (const [s] of cell.states.entries()) {
    const begin = s * layout.sectionSize + layout.slot(steps);
    final.set(history.subarray(begin, begin + row), s * row);
  }
  const y = history.slice(layout.yOrigin, layout.yOrigin + steps * row);
  return [y, final, history, saved];
}

/** Arguments of the reference's backward pass. */
interface BackwardValues {
  readonly weight: Float64Array;
  readonly history: Float64Array;
  readonly saved: Float64Array;
  readonly dOutput: Float64Array | undefined;
  readonly dFinal: Float64Array | undefined;
}

/** The recurrence's gradient in float64. Returns dProjected, dRecurrent, dInitial. */
export function evaluateBackward(
  attributes: RecurrenceAttributes,
  { weight, history, saved, dOutput, dFinal }: BackwardValues,
): Float64Array[] {
  const { cell, steps, batch, hiddenSize: H, reverse } = attributes;
  const layout = layOutHistory(attributes);
  const [gates, states, savedCount] = [cell.gates.length, cell.states.length, cell.saved.length];
  const row = batch * H;
  const dProjected = new Float64Array(steps * row * gates);
  const dRecurrent = new Float64Array(steps * row * gates);
  const carry = new Float64Array(states * row);
  if (dFinal) carry.set(dFinal);

  /** Gradient that reaches unit `unit` of the vector a phase multiplies, from time step t's gates. */
  const throughWeights = (phase: number, t: number, b: number, unit: number): number => {
    const [firstGate, endGate] = cell.phases[phase] as readonly [number, number];
    let sum = 0;
    for (let j = firstGate * H; j < endGate * H; j++) {
      const d = dRecurrent[(t * batch + b) * gates * H + j] as number;
      sum += d * (weight[j * H + unit] as number);
    }
    return sum;
  };

  const timeOf = (position: number): number => (reverse ? steps - 1 - position : position);
  for (let position = steps - 1; position >= 0; position--) {
    const t = timeOf(position);
    const [before, after] = [layout.slot(position), layout.slot(position + 1)];
    for (let phase = cell.phases.length - 1; phase >= 0; phase--) {
      const isLast = phase === cell.phases.length - 1;
      for (let b = 0; b < batch; b++) {
        for (let unit = 0; unit < H; unit++) {
          const at = b * H + unit;
          const gateAt = (t * batch + b) * gates * H + unit;
          const read = (array: Float64Array, begin: number, stride: number, count: number) =>
            Float64Array.from({ length: count }, (_none, i) => array[begin + i * stride] as number);
          const gradient: CellGradient = {
            saved: read(saved, (t * batch + b) * savedCount * H + unit, H, savedCount),
            state: read(history, before + at, layout.sectionSize, states),
            next: read(history, after + at, layout.sectionSize, states),
            dNext: isLast ? read(carry, at, row, states) : new Float64Array(states),
            dVector: isLast ? 0 : throughWeights(phase + 1, t, b, unit),
            dx: read(dProjected, gateAt, H, gates),
            du: read(dRecurrent, gateAt, H, gates),
            dState: isLast ? new Float64Array(states) : read(carry, at, row, states),
          };
          if (isLast) {
            const through =
              position + 1 < steps ? throughWeights(0, timeOf(position + 1), b, unit) : 0;
            const direct = dOutput ? (dOutput[t * row + at] as number) : 0;
            gradient.dNext[0] = (gradient.dNext[0] as number) + through + direct;
          }
          cell.backward(phase, gradient);
          for (let g = 0; g < gates; g++) {
            dProjected[gateAt + g * H] = gradient.dx[g] as number;
            dRecurrent[gateAt + g * H] = gradient.du[g] as number;
          }
          for (let s = 0; s < states; s++) carry[s * row + at] = gradient.dState[s] as number;
        }
      }
    }
  }
  for (let b = 0; b < batch; b++) {
    for (let unit = 0; unit < H; unit++) {
      const at = b * H + unit;
      carry[at] = (carry[at] as number) + throughWeights(0, timeOf(0), b, unit);
    }
  }
  return [dProjected, dRecurrent, carry];
}

/** dWeight [gates·H, H] and dBias [gates·H] of the recurrent weights in float64. */
export function evaluateWeightGradient(
  attributes: RecurrenceAttributes,
  dRecurrent: Float64Array,
  history: Float64Array,
): Float64Array[] {
  const { cell, steps, batch, hiddenSize: H, reverse } = attributes;
  const layout = layOutHistory(attributes);
  const rows = cell.gates.length * H;
  const dWeight = new Float64Array(rows * H);
  const dBias = new Float64Array(rows);
  for (const [phase, [firstGate, endGate]] of cell.phases.entries()) {
    for (let position = 0; position < steps; position++) {
      const t = reverse ? steps - 1 - position : position;
      const vector =
        phase === 0
          ? layout.slot(position)
          : (cell.states.length + phase - 1) * layout.sectionSize + layout.slot(position + 1);
      for (let b = 0; b < batch; b++) {
        for (let j = firstGate * H; j < endGate * H; j++) {
          const d = dRecurrent[(t * batch + b) * rows + j] as number;
          dBias[j] = (dBias[j] as number) + d;
          for (let k = 0; k < H; k++) {
            const v = history[vector + b * H + k] as number;
            dWeight[j * H + k] = (dWeight[j * H + k] as number) + d * v;
          }
        }
      }
    }
  }
  return [dWeight, dBias];
}
