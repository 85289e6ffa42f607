// The independent RNN: h' = candidate(x + u h + b), each unit with one recurrent weight u of its own and no matmul.
// Parameter: u. The recurrent bias b is added as that of a gate.
// Source: Li, Li, Cook, Zhu & Gao 2018.
//! join lib/activation-choice

const gates: u32 = 1u;
const input_gates: u32 = 1u;
const states: u32 = 1u;
const saved_values: u32 = select(0u, 1u, clips);
const parameters: u32 = 1u;
const norm_parameters: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 1u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 1>(0u);
const gradient_phase = array<u32, 1>(0u);
const state_phase = array<u32, 1>(0u);
const multiplies: bool = false;
const masks_vector: bool = false;
const gradients_apart: bool = true;
const forward_reads_state = array<bool, 1>(true);
const backward_reads_state = array<bool, 1>(true);
const backward_reads_next = array<bool, 1>(true);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  let a = step.x[0] + step.u[0] + step.parameters[0] * step.state[0];
  step.next[0] = candidate_value(clipped(a));
  if (clips) { // static
    step.saved[0] = clip_mark(a, 1u);
  }
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  var marks = 0.0;
  if (clips) { // static
    marks = gradient.saved[0];
  }
  let da = unless_clipped(gradient.d_next[0] * candidate_slope(gradient.next[0]), marks, 1u);
  gradient.dx[0] = da;
  gradient.du[0] = da;
  gradient.d_state[0] = da * gradient.parameters[0];
  gradient.d_parameters[0] = da * gradient.state[0];
  return gradient;
}
