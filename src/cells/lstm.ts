import { OptionError } from '../errors.ts';
import type { Cell, CellDefinition, CellOptions } from './cell.ts';
import { createNormalized } from './lstm-normalized.ts';
import { describeGates, type Gates, stepBackward, stepForward } from './lstm-step.ts';
import { readFlag, refuseUnknownOptions } from './options.ts';
import { readRoles, roleOptions } from './roles.ts';

/** The gate of a projection. */
const P = 4;
const [H, C] = [0, 1] as const;

/**
 * The long short-term memory, gate order i, f, g, o:
 * i, f, o = σ(·), g = tanh(·), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c').
 *
 * - `projectionSize` P: h' = W_hr (o ⊙ tanh(c')) of size P (Sak et al. 2014; PyTorch's `proj_size`);
 * - `peepholes`: i and f see the old cell, o the new one (Gers & Schmidhuber 2000; ONNX's rule);
 * - `inputForget`: f = 1 − i (Greff et al. 2017; ONNX's `input_forget`);
 * - `layerNorm`: W_ih x, W_hh h, and c' on its way to h' are normalised (haste's LayerNormLSTM);
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
    "layerNorm: LN(W_ih x) norm_ih, LN(W_hh h) norm_hh, h' = o tanh(LN(c') norm_c + norm_c_bias)",
  ],
  optionNames: [...roleOptions, 'peepholes', 'inputForget', 'projectionSize', 'layerNorm'],
  variants: [{}, { projectionSize: 1 }, { layerNorm: true }],
  options: [
    { peepholes: true },
    { inputForget: true },
    { clip: 0.5 },
    { activations: ['hardsigmoid', 'softsign', 'relu'] },
    { peepholes: true, inputForget: true, clip: 0.75, projectionSize: 2 },
    {
      layerNorm: true,
      inputForget: true,
      clip: 0.75,
      activations: ['hardsigmoid', 'softsign', 'tanh'],
    },
  ],
  create(options) {
    refuseUnknownOptions('lstm', options, lstm.optionNames);
    const roles = readRoles('lstm', options, ['gate', 'candidate', 'output']);
    const gates = {
      roles,
      peepholes: readFlag('lstm', options, 'peepholes'),
      inputForget: readFlag('lstm', options, 'inputForget'),
    };
    const projects = readProjection(options);
    if (!readFlag('lstm', options, 'layerNorm')) {
      return projects ? createProjected(gates) : createPlain(gates);
    }
    refuseBesideNorm(gates, projects);
    return createNormalized(gates);
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

/** @throws {OptionError} for what has no place in a normalised LSTM. */
function refuseBesideNorm({ peepholes }: Gates, projects: boolean): void {
  const name = peepholes ? 'peepholes' : projects ? 'projectionSize' : undefined;
  if (!name) return;
  throw new OptionError(
    `lstm: layerNorm is true and ${name} is given, expected one of them: ` +
      (peepholes
        ? 'a peephole would pass the cell by the norms. Leave peepholes out.'
        : 'the normalised LSTM has no projection. Leave projectionSize out, and put linear() behind the layer.'),
  );
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
