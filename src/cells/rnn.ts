import { activationNames } from './activations.ts';
import type { Cell, CellDefinition, CellOptions } from './cell.ts';
import { refuseUnknownOptions } from './options.ts';
import { type Roles, readRoles } from './roles.ts';

/**
 * The vanilla RNN: h' = f(W_ih·x + b_ih + W_hh·h + b_hh), f tanh unless `nonlinearity` says otherwise.
 *
 * @see Elman 1990, "Finding structure in time".
 */
export const rnn: CellDefinition = {
  name: 'rnn',
  summary: 'vanilla RNN, tanh, relu or another nonlinearity',
  formulas: ["h' = f(W_ih x + b_ih + W_hh h + b_hh), f tanh unless chosen"],
  optionNames: ['nonlinearity', 'clip'],
  variants: [{ nonlinearity: 'tanh' }, { nonlinearity: 'relu' }],
  options: [
    { clip: 0.5 },
    ...activationNames.map((nonlinearity) => ({ nonlinearity })),
    { nonlinearity: { name: 'scaledtanh', alpha: 1.5, beta: 0.5 } },
  ],
  create(options) {
    refuseUnknownOptions('rnn', options, rnn.optionNames);
    const roles = readNonlinearity('rnn', options, 'tanh');
    return {
      ...describeUnit(roles),
      shader: 'rnn',
      parameters: [],
      multiplies: true,
      gradientsApart: false,
      forward(_phase, { x, u, saved, next }) {
        const a = (x[0] as number) + (u[0] as number);
        next[0] = roles.candidate.value(roles.clipped(a));
        if (roles.clips) saved[0] = roles.clipMark(a, 1);
      },
      backward(_phase, { saved, next, dNext, dx, du, dState }) {
        const slope = roles.candidate.slope(next[0] as number);
        const da = roles.unlessClipped((dNext[0] as number) * slope, saved[0], 1);
        dx[0] = da;
        du[0] = da;
        dState[0] = 0;
      },
    };
  },
};

/**
 * The independent RNN: h' = f(W_ih·x + b_ih + u ⊙ h), a vector u in place of a matrix: each unit sees only
 * itself. f is relu unless `nonlinearity` says otherwise.
 *
 * @see Li, Li, Cook, Zhu & Gao 2018, "Independently recurrent neural network (IndRNN)".
 */
export const indRnn: CellDefinition = {
  name: 'indRnn',
  summary: 'independent RNN, one recurrent weight per unit',
  formulas: ["h' = f(W_ih x + b_ih + u h), f relu unless chosen"],
  optionNames: ['nonlinearity', 'clip'],
  variants: [{ nonlinearity: 'relu' }, { nonlinearity: 'tanh' }],
  options: [{ nonlinearity: 'tanh', clip: 0.5 }],
  create(options) {
    refuseUnknownOptions('indRnn', options, indRnn.optionNames);
    const roles = readNonlinearity('indRnn', options, 'relu');
    return {
      ...describeUnit(roles),
      shader: 'ind-rnn',
      parameters: ['u'],
      parameterTensors: [{ name: 'weight_hh', count: 1 }],
      multiplies: false,
      gradientsApart: true,
      forward(_phase, { x, u, state, saved, next, parameters }) {
        const own = (parameters[0] as number) * (state[0] as number);
        const a = (x[0] as number) + (u[0] as number) + own;
        next[0] = roles.candidate.value(roles.clipped(a));
        if (roles.clips) saved[0] = roles.clipMark(a, 1);
      },
      backward(_phase, gradient) {
        const { saved, state, next, dNext, dx, du, dState, parameters, dParameters } = gradient;
        const slope = roles.candidate.slope(next[0] as number);
        const da = roles.unlessClipped((dNext[0] as number) * slope, saved[0], 1);
        dx[0] = da;
        du[0] = da;
        dState[0] = da * (parameters[0] as number);
        dParameters[0] = da * (state[0] as number);
      },
    };
  },
};

function readNonlinearity(cell: string, options: CellOptions, standard: string): Roles {
  const { nonlinearity = standard, clip } = options;
  return readRoles(cell, { activations: [nonlinearity], clip }, ['candidate']);
}

/** One gate, one state. */
function describeUnit({ clips, constants }: Roles) {
  return {
    gates: ['a'],
    inputGates: 1,
    states: ['h'],
    saved: clips ? ['mark'] : [],
    phases: [[0, 1]],
    statePhases: [0],
    masksVector: false,
    allowsZoneout: true,
    constants,
  } as const satisfies Partial<Cell>;
}
