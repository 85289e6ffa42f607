import type { Cell, CellDefinition } from '../../src/cells/cell.ts';
import { readChoice, refuseUnknownOptions } from '../../src/cells/options.ts';
import { type CellName, cells } from '../../src/cells/registry.ts';
import type { ScanCell } from '../../src/cells/scan-cell.ts';
import { cellParts } from '../../src/kernels/generated/parts.ts';

const rates = { slow: 0.875, fast: 0.25 } as const;
const [H, V] = [0, 1] as const;

/**
 * A cell that only tests know: a leaky integrator, v' = λ v + (1 − λ) tanh(x + u), h' = v'².
 * It has what the built-in cells have not: a state beside h with one gate, and a float constant.
 */
const leaky: CellDefinition = {
  name: 'leaky',
  summary: 'leaky integrator of the tests',
  formulas: ["v' = λ v + (1 - λ) tanh(W_ih x + b_ih + W_hh h + b_hh)", "h' = v' v'"],
  optionNames: ['leak'],
  variants: [{ leak: 'slow' }, { leak: 'fast' }],
  options: [],
  create(options) {
    refuseUnknownOptions('leaky', options, leaky.optionNames);
    const rate = rates[readChoice('leaky', options, 'leak', ['slow', 'fast'])];
    return {
      shader: 'leaky',
      gates: ['a'],
      inputGates: 1,
      parameters: [],
      states: ['h', 'v'],
      saved: ['a'],
      phases: [[0, 1]],
      statePhases: [0, 0],
      multiplies: true,
      masksVector: false,
      allowsZoneout: false,
      gradientsApart: false,
      constants: { rate },
      forward(_phase, { x, u, state, saved, next }) {
        saved[0] = Math.tanh((x[0] as number) + (u[0] as number));
        const v = rate * (state[V] as number) + (1 - rate) * (saved[0] as number);
        next[V] = v;
        next[H] = v * v;
      },
      backward(_phase, { saved, next, dNext, dx, du, dState }) {
        const a = saved[0] as number;
        const dv = (dNext[V] as number) + 2 * (next[V] as number) * (dNext[H] as number);
        dx[0] = dv * (1 - rate) * (1 - a * a);
        du[0] = dx[0] as number;
        dState[H] = 0;
        dState[V] = dv * rate;
      },
    };
  },
};

const wgsl = `
//! join lib/activations

const rate: f32 = 0.5; // specialize

const gates: u32 = 1u;
const input_gates: u32 = 1u;
const parameters: u32 = 0u;
const norm_parameters: u32 = 0u;
const state_phase = array<u32, 2>(0u, 0u);
const multiplies: bool = true;
const masks_vector: bool = false;
const states: u32 = 2u;
const saved_values: u32 = 1u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 1u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 1>(0u);
const gradient_phase = array<u32, 1>(0u);
const gradients_apart: bool = false;
const forward_reads_state = array<bool, 2>(false, true);
const backward_reads_state = array<bool, 2>(false, false);
const backward_reads_next = array<bool, 2>(false, true);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  step.saved[0] = tanh_stable(step.x[0] + step.u[0]);
  step.next[1] = rate * step.state[1] + (1.0 - rate) * step.saved[0];
  step.next[0] = step.next[1] * step.next[1];
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  let dv = gradient.d_next[1] + 2.0 * gradient.next[1] * gradient.d_next[0];
  gradient.dx[0] = dv * (1.0 - rate) * (1.0 - gradient.saved[0] * gradient.saved[0]);
  gradient.du[0] = gradient.dx[0];
  gradient.d_state[0] = 0.0;
  gradient.d_state[1] = dv * rate;
  return gradient;
}
`;

/**
 * Registers the throw-away cell as a new cell is: one registry line and one WGSL part.
 *
 * @returns its name for `recurrent()`, its definition, and `unregister` for the end of the test.
 */
export function registerLeakyCell(): {
  name: CellName;
  definition: CellDefinition;
  unregister: () => void;
} {
  const registry: Record<string, CellDefinition<Cell | ScanCell>> = cells;
  registry.leaky = leaky;
  cellParts.leaky = { name: 'cells/leaky', source: wgsl, constants: { rate: 'f32' } };
  return {
    name: 'leaky' as CellName,
    definition: leaky,
    unregister() {
      delete registry.leaky;
      delete cellParts.leaky;
    },
  };
}
