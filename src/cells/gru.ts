import type { Cell, CellDefinition } from './cell.ts';
import { normalizeProducts } from './normalized.ts';
import { readChoice, readFlag, refuseUnknownOptions } from './options.ts';
import { type Roles, readRoles, roleOptions } from './roles.ts';

const [R, Z, N] = [0, 1, 2] as const;
/** In `saved` of the reset-after form, behind r, z, n: the recurrent part of the candidate before it is reset. */
const M = 3;
/** Marks of clipped gates in `saved`: of the reset-after form; of the other, by phase. */
const MARKS = 4;
const [GATE_MARKS, CANDIDATE_MARKS] = [3, 4] as const;

/**
 * The gated recurrent unit, gate order r, z, n. Two choices, never implicit:
 *
 * - `reset: 'after'` (cuDNN, PyTorch, Keras): n = tanh(W x + b_i + r ⊙ (R h + b_h));
 *   `reset: 'before'` (Cho et al. 2014): n = tanh(W x + b_i + R (r ⊙ h) + b_h), two matmuls in a row.
 * - `update: 'keep'` (PyTorch): h' = (1 − z) ⊙ n + z ⊙ h;
 *   `update: 'replace'` (Chung et al. 2014): h' = (1 − z) ⊙ h + z ⊙ n.
 *
 * `layerNorm`: W_ih x and each recurrent product are normalised, the latter over the gates that it is for; with
 * `reset: 'after'` this is haste's LayerNormGRU.
 *
 * `activations`: [r and z, candidate]; `clip`: the bound on the input of every gate.
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
    'layerNorm: LN(W_ih x) norm_ih + b_ih, LN(W_hh v) norm_hh + b_hh',
  ],
  optionNames: ['reset', 'update', ...roleOptions, 'layerNorm'],
  variants: [
    { reset: 'after', update: 'keep' },
    { reset: 'after', update: 'replace' },
    { reset: 'before', update: 'keep' },
    { reset: 'before', update: 'replace' },
    { reset: 'after', layerNorm: true },
    { reset: 'before', layerNorm: true },
  ],
  options: [
    { clip: 0.5 },
    { reset: 'before', clip: 0.5 },
    { activations: ['hardsigmoid', 'softsign'] },
    { reset: 'before', activations: ['sigmoid', 'relu'] },
    { layerNorm: true, update: 'replace', clip: 0.75 },
    { reset: 'before', layerNorm: true, clip: 0.75 },
  ],
  create(options) {
    refuseUnknownOptions('gru', options, gru.optionNames);
    const reset = readChoice('gru', options, 'reset', ['after', 'before']);
    const replaces = readChoice('gru', options, 'update', ['keep', 'replace']) === 'replace';
    const roles = readRoles('gru', options, ['gate', 'candidate']);
    const cell =
      reset === 'after' ? createResetAfter(replaces, roles) : createResetBefore(replaces, roles);
    const isNormalized = readFlag('gru', options, 'layerNorm');
    return isNormalized ? normalizeProducts(cell, `${cell.shader}-normalized`) : cell;
  },
};

/** The weight of the old state and the sign with which z moves it. */
function blend(z: number, replaces: boolean): { keep: number; sign: number } {
  return replaces ? { keep: 1 - z, sign: -1 } : { keep: z, sign: 1 };
}

/** What both forms share. */
function describeGates(replaces: boolean, { constants }: Roles) {
  return {
    gates: ['r', 'z', 'n'],
    inputGates: 3,
    states: ['h'],
    parameters: [],
    multiplies: true,
    constants: { ...constants, update_replaces: replaces },
  } as const;
}

function createResetAfter(replaces: boolean, roles: Roles): Cell {
  const { gate, candidate, clipped, clipMark, unlessClipped } = roles;
  return {
    ...describeGates(replaces, roles),
    shader: 'gru-reset-after',
    saved: ['r', 'z', 'n', 'm', ...(roles.clips ? ['marks'] : [])],
    phases: [[0, 3]],
    statePhases: [0],
    masksVector: false,
    allowsZoneout: true,
    gradientsApart: true,
    forward(_phase, { x, u, state, saved, next }) {
      const rIn = (x[R] as number) + (u[R] as number);
      const zIn = (x[Z] as number) + (u[Z] as number);
      const [r, z] = [gate.value(clipped(rIn)), gate.value(clipped(zIn))];
      const m = u[N] as number;
      const nIn = (x[N] as number) + r * m;
      const n = candidate.value(clipped(nIn));
      const { keep } = blend(z, replaces);
      saved.set([r, z, n, m]);
      if (roles.clips) saved[MARKS] = clipMark(rIn, 1) + clipMark(zIn, 2) + clipMark(nIn, 4);
      next[0] = (1 - keep) * n + keep * (state[0] as number);
    },
    backward(_phase, { saved, state, dNext, dx, du, dState }) {
      const [r, z, n] = saved as unknown as [number, number, number];
      const marks = saved[MARKS];
      const dh = dNext[0] as number;
      const { keep, sign } = blend(z, replaces);
      const dn = unlessClipped(dh * (1 - keep) * candidate.slope(n), marks, 4);
      const dr = unlessClipped(dn * (saved[M] as number) * gate.slope(r), marks, 1);
      const dz = unlessClipped(dh * sign * ((state[0] as number) - n) * gate.slope(z), marks, 2);
      dx.set([dr, dz, dn]);
      du.set([dr, dz, dn * r]);
      dState[0] = dh * keep;
    },
  };
}

function createResetBefore(replaces: boolean, roles: Roles): Cell {
  const { gate, candidate, clipped, clipMark, unlessClipped } = roles;
  return {
    ...describeGates(replaces, roles),
    shader: 'gru-reset-before',
    saved: ['r', 'z', 'n', ...(roles.clips ? ['gate marks', 'candidate marks'] : [])],
    phases: [
      [0, 2],
      [2, 3],
    ],
    statePhases: [1],
    masksVector: true,
    allowsZoneout: true,
    gradientsApart: false,
    forward(phase, step) {
      const { x, u, state, saved, next } = step;
      if (phase === 0) {
        const rIn = (x[R] as number) + (u[R] as number);
        const zIn = (x[Z] as number) + (u[Z] as number);
        saved[R] = gate.value(clipped(rIn));
        saved[Z] = gate.value(clipped(zIn));
        if (roles.clips) saved[GATE_MARKS] = clipMark(rIn, 1) + clipMark(zIn, 2);
        step.vector = (saved[R] as number) * (state[0] as number);
        return;
      }
      const nIn = (x[N] as number) + (u[N] as number);
      saved[N] = candidate.value(clipped(nIn));
      if (roles.clips) saved[CANDIDATE_MARKS] = clipMark(nIn, 4);
      const { keep } = blend(saved[Z] as number, replaces);
      next[0] = (1 - keep) * (saved[N] as number) + keep * (state[0] as number);
    },
    backward(phase, gradient) {
      const { saved, state, dNext, dx, du, dState } = gradient;
      const [r, z, n] = saved as unknown as [number, number, number];
      const marks = (saved[GATE_MARKS] ?? 0) + (saved[CANDIDATE_MARKS] ?? 0);
      if (phase === 1) {
        const dh = dNext[0] as number;
        const { keep, sign } = blend(z, replaces);
        const dz = dh * sign * ((state[0] as number) - n) * gate.slope(z);
        dx[N] = unlessClipped(dh * (1 - keep) * candidate.slope(n), marks, 4);
        dx[Z] = unlessClipped(dz, marks, 2);
        du[N] = dx[N] as number;
        du[Z] = dx[Z] as number;
        dState[0] = dh * keep;
        return;
      }
      dx[R] = unlessClipped(gradient.dVector * (state[0] as number) * gate.slope(r), marks, 1);
      du[R] = dx[R] as number;
      dState[0] = (dState[0] as number) + gradient.dVector * r;
    },
  };
}
