import { sigmoid } from './activations.ts';
import type { CellDefinition } from './cell.ts';
import { refuseUnknownOptions } from './options.ts';

const [I, F, G, O] = [0, 1, 2, 3] as const;
const [H, C] = [0, 1] as const;

/**
 * The long short-term memory, gate order i, f, g, o:
 * i, f, o = σ(·), g = tanh(·), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c').
 *
 * @see Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000 (forget gate).
 */
export const lstm: CellDefinition = {
  name: 'lstm',
  summary: 'long short-term memory',
  formulas: [
    'i, f, o = σ(W_ih x + b_ih + W_hh h + b_hh)',
    'g = tanh(W_ih x + b_ih + W_hh h + b_hh)',
    "c' = f c + i g",
    "h' = o tanh(c')",
  ],
  optionNames: [],
  create(options) {
    refuseUnknownOptions('lstm', options, lstm.optionNames);
    return {
      shader: 'lstm',
      gates: ['i', 'f', 'g', 'o'],
      states: ['h', 'c'],
      saved: ['i', 'f', 'g', 'o'],
      phases: [[0, 4]],
      gradientsApart: false,
      constants: {},
      forward(_phase, { x, u, state, saved, next }) {
        const i = sigmoid((x[I] as number) + (u[I] as number));
        const f = sigmoid((x[F] as number) + (u[F] as number));
        const g = Math.tanh((x[G] as number) + (u[G] as number));
        const o = sigmoid((x[O] as number) + (u[O] as number));
        const c = f * (state[C] as number) + i * g;
        saved.set([i, f, g, o]);
        next[C] = c;
        next[H] = o * Math.tanh(c);
      },
      backward(_phase, { saved, state, next, dNext, dx, du, dState }) {
        const [i, f, g, o] = saved as unknown as [number, number, number, number];
        const tanhC = Math.tanh(next[C] as number);
        const dh = dNext[H] as number;
        const dc = (dNext[C] as number) + dh * o * (1 - tanhC * tanhC);
        dx[I] = dc * g * i * (1 - i);
        dx[F] = dc * (state[C] as number) * f * (1 - f);
        dx[G] = dc * i * (1 - g * g);
        dx[O] = dh * tanhC * o * (1 - o);
        du.set(dx);
        dState[H] = 0;
        dState[C] = dc * f;
      },
    };
  },
};
