import { OptionError } from '../errors.ts';
import type { Cell, CellDefinition, CellGradient, CellOptions, CellStep } from './cell.ts';
import { readFlag, refuseUnknownOptions } from './options.ts';
import { type Roles, readRoles, roleOptions } from './roles.ts';

const [I, F, G, O, P] = [0, 1, 2, 3, 4] as const;
/** In `saved`, behind the gates. */
const MARKS = 4;
const [H, C] = [0, 1] as const;

/**
 * The long short-term memory, gate order i, f, g, o:
 * i, f, o = σ(·), g = tanh(·), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c').
 *
 * - `projectionSize` P: h' = W_hr (o ⊙ tanh(c')) of size P (Sak et al. 2014; PyTorch's `proj_size`);
 * - `peepholes`: i and f see the old cell, o the new one (Gers & Schmidhuber 2000; ONNX's rule);
 * - `inputForget`: f = 1 − i (Greff et al. 2017; ONNX's `input_forget`);
 * - `activations`: [gates, candidate, cell output]; `clip`: the bound on the input of every gate.
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
    "projectionSize: h' = W_hr (o tanh(c'))",
    "peepholes: p_i c in i, p_f c in f, p_o c' in o",
    'inputForget: f = 1 - i',
  ],
  optionNames: [...roleOptions, 'peepholes', 'inputForget', 'projectionSize'],
  variants: [{}, { projectionSize: 1 }],
  options: [
    { peepholes: true },
    { inputForget: true },
    { clip: 0.5 },
    { activations: ['hardsigmoid', 'softsign', 'relu'] },
    { peepholes: true, inputForget: true, clip: 0.75, projectionSize: 2 },
  ],
  create(options) {
    refuseUnknownOptions('lstm', options, lstm.optionNames);
    const roles = readRoles('lstm', options, ['gate', 'candidate', 'output']);
    const gates = {
      roles,
      peepholes: readFlag('lstm', options, 'peepholes'),
      inputForget: readFlag('lstm', options, 'inputForget'),
    };
    return readProjection(options) ? createProjected(gates) : createPlain(gates);
  },
};

function readProjection({ projectionSize }: CellOptions): boolean {
  if (projectionSize === undefined || projectionSize === 0) return false;
  if (Number.isSafeInteger(projectionSize) && (projectionSize as number) > 0) return true;
  throw new OptionError(
    `lstm: projectionSize is ${JSON.stringify(projectionSize)}, expected a positive integer below the hidden ` +
      'size, or 0 for none.',
  );
}

interface Gates {
  readonly roles: Roles;
  readonly peepholes: boolean;
  readonly inputForget: boolean;
}

/** What both forms share. */
function describeGates({ roles, peepholes, inputForget }: Gates) {
  return {
    inputGates: 4,
    states: ['h', 'c'],
    saved: ['i', 'f', 'g', 'o', ...(roles.clips ? ['marks'] : [])],
    parameters: peepholes ? ['p_i', 'p_f', 'p_o'] : [],
    ...(peepholes && { parameterTensor: 'peephole' }),
    multiplies: true,
    masksVector: false,
    constants: { ...roles.constants, peepholes, input_forget: inputForget },
  } as const;
}

function createPlain(gates: Gates): Cell {
  return {
    ...describeGates(gates),
    shader: 'lstm',
    gates: ['i', 'f', 'g', 'o'],
    phases: [[0, 4]],
    statePhases: [0, 0],
    allowsZoneout: true,
    gradientsApart: gates.peepholes,
    forward(_phase, step) {
      stepForward(gates, step);
      step.next[H] = step.vector;
    },
    backward(_phase, gradient) {
      const { dNext, dx, du, dState } = gradient;
      stepBackward(gates, gradient, dNext[H] as number, dNext[C] as number);
      du.set(dx);
      dState[H] = 0;
    },
  };
}

function createProjected(gates: Gates): Cell {
  return {
    ...describeGates(gates),
    shader: 'lstm-projected',
    gates: ['i', 'f', 'g', 'o', 'p'],
    phases: [
      [0, 4],
      [4, 5],
    ],
    statePhases: [1, 0],
    allowsZoneout: false,
    gradientsApart: true,
    forward(phase, step) {
      if (phase === 0) stepForward(gates, step);
      else step.next[H] = step.u[P] as number;
    },
    backward(phase, gradient) {
      const { dNext, dx, du, dState } = gradient;
      if (phase === 1) {
        du[P] = dNext[H] as number;
        dState[H] = 0;
        dState[C] = dNext[C] as number;
        return;
      }
      stepBackward(gates, gradient, gradient.dVector, dState[C] as number);
      du.set(dx.subarray(0, 4));
    },
  };
}

/** Sets saved, c' and, as `vector`, o ⊙ output(c'). The mirror of `lstm_forward` in `shaders/lib/lstm.wgsl`. */
function stepForward({ roles, peepholes, inputForget }: Gates, step: CellStep): void {
  const { gate, candidate, output, clipped, clipMark } = roles;
  const { x, u, state, saved, next, parameters } = step;
  const old = state[C] as number;
  const seen = (index: number, cell: number) =>
    peepholes ? (parameters[index] as number) * cell : 0;
  const sum = (index: number) => (x[index] as number) + (u[index] as number);
  const iIn = sum(I) + seen(0, old);
  const fIn = sum(F) + seen(1, old);
  const i = gate.value(clipped(iIn));
  const f = inputForget ? 1 - i : gate.value(clipped(fIn));
  const g = candidate.value(clipped(sum(G)));
  const c = f * old + i * g;
  const oIn = sum(O) + seen(2, c);
  const o = gate.value(clipped(oIn));
  saved.set([i, f, g, o]);
  if (roles.clips) {
    saved[MARKS] = clipMark(iIn, 1) + clipMark(fIn, 2) + clipMark(sum(G), 4) + clipMark(oIn, 8);
  }
  next[C] = c;
  step.vector = o * output.value(c);
}

/** The mirror of `lstm_backward`. */
function stepBackward(
  { roles, peepholes, inputForget }: Gates,
  gradient: CellGradient,
  dVector: number,
  dCell: number,
): void {
  const { gate, candidate, output, unlessClipped } = roles;
  const { saved, state, dx, dState, parameters, dParameters } = gradient;
  const [i, f, g, o] = saved as unknown as [number, number, number, number];
  const marks = saved[MARKS];
  const old = state[C] as number;
  const c = f * old + i * g;
  const seen = output.value(c);
  const dO = unlessClipped(dVector * seen * gate.slope(o), marks, 8);
  let dc = dCell + dVector * o * output.slope(seen);
  if (peepholes) dc += dO * (parameters[2] as number);
  const dF = inputForget ? 0 : unlessClipped(dc * old * gate.slope(f), marks, 2);
  const dI = unlessClipped((dc * g - (inputForget ? dc * old : 0)) * gate.slope(i), marks, 1);
  dx.set([dI, dF, unlessClipped(dc * i * candidate.slope(g), marks, 4), dO]);
  dState[C] = dc * f;
  if (!peepholes) return;
  dState[C] += dI * (parameters[0] as number) + dF * (parameters[1] as number);
  dParameters.set([dI * old, dF * old, dO * c]);
}
