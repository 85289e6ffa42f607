import type { CellGradient, CellStep } from '../cells/cell.ts';
import { inputRange, normOf } from '../cells/normalized.ts';
import type { Values } from '../graph/operator.ts';
import {
  biasRows,
  ExtraValues,
  type RecurrenceGradientInputs,
  type RecurrenceInputs,
} from './recurrence-extras.ts';
import {
  describeGradients,
  describeValues,
  differentiateNorm,
  keepNormGradient,
  normalizeStep,
} from './recurrence-norm.ts';
import { layOutHistory, type RecurrenceAttributes } from './recurrence-shape.ts';

/** Sum over units k of matrix[row, k]·vector[begin + k]. */
function dotRow(matrix: Values, row: number, vector: Values, begin: number, size: number): number {
  let sum = 0;
  for (let k = 0; k < size; k++) {
    sum += (matrix[row * size + k] as number) * (vector[begin + k] as number);
  }
  return sum;
}

/** The trained values of a unit, which lie behind bias_hh. */
function readParameters(
  bias: Values | undefined,
  { cell, hiddenSize }: RecurrenceAttributes,
  unit: number,
): Float64Array {
  const first = cell.gates.length * hiddenSize + unit;
  return Float64Array.from(
    cell.parameters,
    (_name, index) => (bias as Values)[first + index * hiddenSize] as number,
  );
}

/** The recurrence in float64, one unit at a time. Returns y, final, history, saved. */
export function evaluateForward(
  attributes: RecurrenceAttributes,
  { projected, weight, initial, bias, extras }: RecurrenceInputs<Values>,
): Float64Array[] {
  const { cell, steps, batch, hiddenSize: H, reverse } = attributes;
  const layout = layOutHistory(attributes);
  const gates = cell.gates.length;
  const savedCount = cell.saved.length;
  const history = new Float64Array(layout.sections * layout.sectionSize);
  const saved = new Float64Array(steps * batch * Math.max(1, savedCount) * H);
  const row = batch * H;
  const extra = new ExtraValues(attributes, extras);
  for (const [s] of cell.states.entries()) {
    history.set(initial.subarray(s * row, (s + 1) * row), s * layout.sectionSize + layout.slot(0));
  }
  for (let at = 0; at < row && extras.mask; at++) {
    const masked = layout.multipliedBegin + layout.slot(0) + at;
    history[masked] = (initial[at] as number) * extra.factor(at);
  }
  for (let position = 0; position < steps; position++) {
    const t = reverse ? steps - 1 - position : position;
    const [before, after] = [layout.slot(position), layout.slot(position + 1)];
    for (const [phase, [firstGate, endGate]] of cell.phases.entries()) {
      const vector = layout.multipliedAt(phase, position);
      const [firstInput, endInput] = inputRange(cell, phase);
      const norm = normOf(cell, phase);
      for (let b = 0; b < batch; b++) {
        const isPadding = extra.isPadding(t, b);
        const rowAt = (t * batch + b) * savedCount * H;
        const described = norm && describeValues(saved, rowAt + norm.values * H, norm.count * H);
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
            parameters: readParameters(bias, attributes, unit),
          };
          const savedAt = rowAt + unit;
          for (let i = 0; i < savedCount; i++) step.saved[i] = saved[savedAt + i * H] as number;
          for (let g = firstGate; g < endGate; g++) {
            const gateRow = g * H + unit;
            const product = cell.multiplies
              ? dotRow(weight, gateRow, history, vector + b * H, H)
              : 0;
            step.u[g] = product + (bias ? (bias[gateRow] as number) : 0);
          }
          for (let g = firstInput; g < Math.min(endInput, cell.inputGates); g++) {
            const at = (t * batch + b) * cell.inputGates * H + g * H + unit;
            step.x[g] = projected[at] as number;
          }
          if (isPadding) {
            step.next.set(step.state);
          } else {
            if (norm && described) normalizeStep(cell, norm, step, described);
            cell.forward(phase, step);
            for (const [s, old] of step.state.entries()) {
              const share = extra.share(s, t, at);
              step.next[s] = old + share * ((step.next[s] as number) - old);
            }
          }
          for (let i = 0; i < savedCount; i++) saved[savedAt + i * H] = step.saved[i] as number;
          for (const [s, statePhase] of cell.statePhases.entries()) {
            if (statePhase !== phase) continue;
            history[s * layout.sectionSize + after + at] = step.next[s] as number;
          }
          const factor = extra.factor(at);
          const isLast = phase === cell.phases.length - 1;
          if (phase >= layout.firstVector && !isLast) {
            history[layout.vectorBegin(phase) + after + at] =
              step.vector * (cell.masksVector ? factor : 1);
          }
          if (isLast && extras.mask) {
            history[layout.multipliedBegin + after + at] = (step.next[0] as number) * factor;
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

/** The recurrence's gradient in float64. Returns dProjected, dRecurrent, dInitial. */
export function evaluateBackward(
  attributes: RecurrenceAttributes,
  { weight, history, saved, dOutput, dFinal, bias, extras }: RecurrenceGradientInputs<Values>,
): Float64Array[] {
  const { cell, steps, batch, hiddenSize: H, reverse } = attributes;
  const layout = layOutHistory(attributes);
  const [gates, states, savedCount] = [cell.gates.length, cell.states.length, cell.saved.length];
  const row = batch * H;
  const rows = biasRows(attributes);
  const extra = new ExtraValues(attributes, extras);
  const dProjected = new Float64Array(steps * row * cell.inputGates);
  const dRecurrent = new Float64Array(steps * row * rows);
  const carry = new Float64Array(states * row);
  if (dFinal) carry.set(dFinal);

  /** Gradient that reaches unit `unit` of the vector a phase multiplies, from time step t's gates. */
  const throughWeights = (phase: number, t: number, b: number, unit: number): number => {
    if (!cell.multiplies) return 0;
    const [firstGate, endGate] = cell.phases[phase] as readonly [number, number];
    let sum = 0;
    for (let j = firstGate * H; j < endGate * H; j++) {
      const d = dRecurrent[(t * batch + b) * rows * H + j] as number;
      sum += d * (weight[j * H + unit] as number);
    }
    return phase === 0 || cell.masksVector ? sum * extra.factor(b * H + unit) : sum;
  };

  const timeOf = (position: number): number => (reverse ? steps - 1 - position : position);
  for (let position = steps - 1; position >= 0; position--) {
    const t = timeOf(position);
    const [before, after] = [layout.slot(position), layout.slot(position + 1)];
    for (let phase = cell.phases.length - 1; phase >= 0; phase--) {
      const isLast = phase === cell.phases.length - 1;
      const [own, above] = [normOf(cell, phase), normOf(cell, phase + 1)];
      for (let b = 0; b < batch; b++) {
        const means =
          above &&
          describeGradients(
            above,
            H,
            (index, unit) => (bias as Values)[(gates + index) * H + unit] as number,
            (index, unit) =>
              dRecurrent[((t * batch + b) * rows + gates + index) * H + unit] as number,
          );
        for (let unit = 0; unit < H; unit++) {
          const at = b * H + unit;
          const gateAt = (t * batch + b) * rows * H + unit;
          const projectedAt = (t * batch + b) * cell.inputGates * H + unit;
          const read = (array: Values, begin: number, stride: number, count: number) =>
            Float64Array.from({ length: count }, (_none, i) => array[begin + i * stride] as number);
          const gradient: CellGradient = {
            saved: read(saved, (t * batch + b) * savedCount * H + unit, H, savedCount),
            state: read(history, before + at, layout.sectionSize, states),
            next: read(history, after + at, layout.sectionSize, states),
            dNext: isLast ? read(carry, at, row, states) : new Float64Array(states),
            dVector: isLast ? 0 : throughWeights(phase + 1, t, b, unit),
            dx: new Float64Array(gates),
            du: read(dRecurrent, gateAt, H, gates),
            dState: isLast ? new Float64Array(states) : read(carry, at, row, states),
            parameters: readParameters(bias, attributes, unit),
            dParameters: read(dRecurrent, gateAt + gates * H, H, cell.parameters.length),
          };
          gradient.dx.set(read(dProjected, projectedAt, H, cell.inputGates));
          if (isLast) {
            const through =
              position + 1 < steps ? throughWeights(0, timeOf(position + 1), b, unit) : 0;
            const direct = dOutput ? (dOutput[t * row + at] as number) : 0;
            gradient.dNext[0] = (gradient.dNext[0] as number) + through + direct;
          }
          if (extra.isPadding(t, b)) {
            if (isLast) gradient.dState.set(gradient.dNext);
          } else {
            const complete = gradient.dNext.slice();
            for (let s = 0; s < states; s++) {
              gradient.dNext[s] = (complete[s] as number) * extra.share(s, t, at);
            }
            const kept = complete.map((d, s) => d - (gradient.dNext[s] as number));
            if (above && means) differentiateNorm(cell, above, gradient, means);
            cell.backward(phase, gradient);
            if (own) keepNormGradient(cell, own, gradient);
            for (let s = 0; s < states; s++) {
              gradient.dState[s] = (gradient.dState[s] as number) + (kept[s] as number);
            }
          }
          for (let g = 0; g < gates; g++) {
            if (g < cell.inputGates) dProjected[projectedAt + g * H] = gradient.dx[g] as number;
            dRecurrent[gateAt + g * H] = gradient.du[g] as number;
          }
          for (const [index, d] of gradient.dParameters.entries()) {
            dRecurrent[gateAt + (gates + index) * H] = d;
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

/** dWeight [gates·H, H] and dBias [(gates + parameters)·H] of the recurrent weights in float64. */
export function evaluateWeightGradient(
  attributes: RecurrenceAttributes,
  dRecurrent: Float64Array,
  history: Float64Array,
): Float64Array[] {
  const { cell, steps, batch, hiddenSize: H, reverse } = attributes;
  const layout = layOutHistory(attributes);
  const rows = biasRows(attributes) * H;
  const dWeight = new Float64Array(cell.multiplies ? cell.gates.length * H * H : 1);
  const dBias = new Float64Array(rows);
  for (const [index, d] of dRecurrent.entries()) {
    dBias[index % rows] = (dBias[index % rows] as number) + d;
  }
  for (const [phase, [firstGate, endGate]] of cell.phases.entries()) {
    if (!cell.multiplies) continue;
    for (let position = 0; position < steps; position++) {
      const t = reverse ? steps - 1 - position : position;
      const vector = layout.multipliedAt(phase, position);
      for (let b = 0; b < batch; b++) {
        for (let j = firstGate * H; j < endGate * H; j++) {
          const d = dRecurrent[(t * batch + b) * rows + j] as number;
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
