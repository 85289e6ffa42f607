import type { CellDefinition } from './cell.ts';
import { readChoice, refuseUnknownOptions } from './options.ts';

/**
 * The vanilla RNN: h' = tanh(W_ih·x + b_ih + W_hh·h + b_hh), or relu in place of tanh.
 *
 * @see Elman 1990, "Finding structure in time".
 */
export const rnn: CellDefinition = {
  name: 'rnn',
  summary: 'vanilla RNN, tanh or relu',
  formulas: ["h' = f(W_ih x + b_ih + W_hh h + b_hh), f tanh or relu"],
  optionNames: ['nonlinearity'],
  create(options) {
    refuseUnknownOptions('rnn', options, rnn.optionNames);
    const relu = readChoice('rnn', options, 'nonlinearity', ['tanh', 'relu']) === 'relu';
    return {
      shader: 'rnn',
      gates: ['a'],
      states: ['h'],
      saved: [],
      phases: [[0, 1]],
      gradientsApart: false,
      constants: { rectified: relu },
      forward(_phase, step) {
        const a = (step.x[0] as number) + (step.u[0] as number);
        step.next[0] = relu ? Math.max(a, 0) : Math.tanh(a);
      },
      backward(_phase, gradient) {
        const h = gradient.next[0] as number;
        const slope = relu ? (h > 0 ? 1 : 0) : 1 - h * h;
        const da = (gradient.dNext[0] as number) * slope;
        gradient.dx[0] = da;
        gradient.du[0] = da;
        gradient.dState[0] = 0;
      },
    };
  },
};
