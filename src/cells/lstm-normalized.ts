import type { Cell } from './cell.ts';
import { describeGates, type Gates, stepBackward, stepForward } from './lstm-step.ts';
import { normalizeProducts } from './normalized.ts';

const O = 3;
const MARKS = 4;
const [H, C] = [0, 1] as const;

/**
 * The LSTM with layer normalisation: of its products, and of c' on its way to h'; the c' that is carried on is not.
 *
 * @see LayerNormLSTM of haste (LMNT 2020); Ba, Kiros & Hinton 2016.
 */
export function createNormalized(gates: Gates): Cell {
  const { gate, output, unlessClipped } = gates.roles;
  const described = describeGates(gates);
  const cellAt = described.saved.length;
  const inner: Cell = {
    ...described,
    saved: [...described.saved, 'c'],
    shader: 'lstm-normalized',
    gates: ['i', 'f', 'g', 'o'],
    phases: [
      [0, 4],
      [4, 4],
    ],
    statePhases: [1, 0],
    allowsZoneout: false,
    gradientsApart: true,
    forward(phase, step) {
      const { saved, next } = step;
      if (phase === 1) {
        saved[seenAt] = output.value(step.vector);
        next[H] = (saved[O] as number) * (saved[seenAt] as number);
        return;
      }
      stepForward(gates, step);
      saved[cellAt] = next[C] as number;
      step.vector = next[C] as number;
    },
    backward(phase, gradient) {
      const { saved, dNext, dx, du, dState } = gradient;
      if (phase === 1) {
        const [dh, o, seen] = [dNext[H], saved[O], saved[seenAt]] as [number, number, number];
        dx[O] = unlessClipped(dh * seen * gate.slope(o), saved[MARKS], 8);
        gradient.dVector = dh * o * output.slope(seen);
        dState[H] = 0;
        dState[C] = dNext[C] as number;
      } else {
        const ofOutput = dx[O] as number;
        stepBackward(gates, gradient, 0, (dState[C] as number) + gradient.dVector);
        dx[O] = ofOutput;
      }
      du.set(dx);
    },
  };
  const normalized = normalizeProducts(inner, 'lstm-normalized');
  const { saved, parameters, parameterTensors = [], norms = [] } = normalized;
  const statistics = saved.length;
  const seenAt = statistics + 2;
  const ownParameters = parameters.length;
  return {
    ...normalized,
    saved: [...saved, 'mean_c', 'inverse_c', 'seen'],
    parameters: [...parameters, 'gain_c', 'shift_c'],
    parameterTensors: [
      ...parameterTensors,
      { name: 'norm_c', count: 1, initial: 1 },
      { name: 'norm_c_bias', count: 1, initial: 0 },
    ],
    norms: [
      ...norms,
      {
        phase: 2,
        values: cellAt,
        count: 1,
        statistics,
        gain: ownParameters,
        shift: ownParameters + 1,
      },
    ],
  };
}
