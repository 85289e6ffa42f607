import { sigmoid } from './activations.ts';
import type { Cell, CellDefinition } from './cell.ts';
import { readChoice, refuseUnknownOptions } from './options.ts';

const [R, Z, N] = [0, 1, 2] as const;
/** In `saved`, after r, z, n: the recurrent part of the candidate before it is reset. */
const M = 3;

/**
 * The gated recurrent unit, gate order r, z, n. Two choices, never implicit:
 *
 * - `reset: 'after'` (cuDNN, PyTorch, Keras): n = tanh(W x + b_i + r ⊙ (R h + b_h));
 *   `reset: 'before'` (Cho et al. 2014): n = tanh(W x + b_i + R (r ⊙ h) + b_h), two matmuls in a row.
 * - `update: 'keep'` (PyTorch): h' = (1 − z) ⊙ n + z ⊙ h;
 *   `update: 'replace'` (Chung et al. 2014): h' = (1 − z) ⊙ h + z ⊙ n.
 *
 * @see Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder".
 */
export const gru: CellDefinition = {
  name: 'gru',
  summary: 'gated recurrent unit, reset before or after the recurrent matmul',
  formulas: [
    'r, z = σ(W_ih x + b_ih + W_hh h + b_hh)',
    "reset 'after':  n = tanh(W_ih x + b_ih + r (W_hh h + b_hh))",
    "reset 'before': n = tanh(W_ih x + b_ih + W_hh (r h) + b_hh)",
    "update 'keep':    h' = (1 - z) n + z h",
    "update 'replace': h' = (1 - z) h + z n",
  ],
  optionNames: ['reset', 'update'],
  create(options) {
    refuseUnknownOptions('gru', options, gru.optionNames);
    const reset = readChoice('gru', options, 'reset', ['after', 'before']);
    const replaces = readChoice('gru', options, 'update', ['keep', 'replace']) === 'replace';
    return reset === 'after' ? createResetAfter(replaces) : createResetBefore(replaces);
  },
};

/** The weight of the old state and the sign with which z moves it. */
function blend(z: number, replaces: boolean): { keep: number; sign: number } {
  return replaces ? { keep: 1 - z, sign: -1 } : { keep: z, sign: 1 };
}

function createResetAfter(replaces: boolean): Cell {
  return {
    shader: 'gru-reset-after',
    gates: ['r', 'z', 'n'],
    states: ['h'],
    saved: ['r', 'z', 'n', 'm'],
    phases: [[0, 3]],
    gradientsApart: true,
    constants: { update_replaces: replaces },
    forward(_phase, { x, u, state, saved, next }) {
      const r = sigmoid((x[R] as number) + (u[R] as number));
      const z = sigmoid((x[Z] as number) + (u[Z] as number));
      const m = u[N] as number;
      const n = Math.tanh((x[N] as number) + r * m);
      const { keep } = blend(z, replaces);
      saved.set([r, z, n, m]);
      next[0] = (1 - keep) * n + keep * (state[0] as number);
    },
    backward(_phase, { saved, state, dNext, dx, du, dState }) {
      const [r, z, n] = saved as unknown as [number, number, number];
      const dh = dNext[0] as number;
      const { keep, sign } = blend(z, replaces);
      dx[N] = dh * (1 - keep) * (1 - n * n);
      du[N] = (dx[N] as number) * r;
      dx[R] = (dx[N] as number) * (saved[M] as number) * r * (1 - r);
      dx[Z] = dh * sign * ((state[0] as number) - n) * z * (1 - z);
      du[R] = dx[R] as number;
      du[Z] = dx[Z] as number;
      dState[0] = dh * keep;
    },
  };
}

function createResetBefore(replaces: boolean): Cell {
  return {
    shader: 'gru-reset-before',
    gates: ['r', 'z', 'n'],
    states: ['h'],
    saved: ['r', 'z', 'n'],
    phases: [
      [0, 2],
      [2, 3],
    ],
    gradientsApart: false,
    constants: { update_replaces: replaces },
    forward(phase, step) {
      const { x, u, state, saved, next } = step;
      if (phase === 0) {
        saved[R] = sigmoid((x[R] as number) + (u[R] as number));
        saved[Z] = sigmoid((x[Z] as number) + (u[Z] as number));
        step.vector = (saved[R] as number) * (state[0] as number);
        return;
      }
      saved[N] = Math.tanh((x[N] as number) + (u[N] as number));
      const { keep } = blend(saved[Z] as number, replaces);
      next[0] = (1 - keep) * (saved[N] as number) + keep * (state[0] as number);
    },
    backward(phase, gradient) {
      const { saved, state, dNext, dx, du, dState } = gradient;
      const [r, z, n] = saved as unknown as [number, number, number];
      if (phase === 1) {
        const dh = dNext[0] as number;
        const { keep, sign } = blend(z, replaces);
        dx[N] = dh * (1 - keep) * (1 - n * n);
        dx[Z] = dh * sign * ((state[0] as number) - n) * z * (1 - z);
        du[N] = dx[N] as number;
        du[Z] = dx[Z] as number;
        dState[0] = dh * keep;
        return;
      }
      dx[R] = gradient.dVector * (state[0] as number) * r * (1 - r);
      du[R] = dx[R] as number;
      dState[0] = (dState[0] as number) + gradient.dVector * r;
    },
  };
}
