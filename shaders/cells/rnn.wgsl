// The vanilla RNN: h' = candidate(x + u). Nothing is saved but the mark of a clipped input: backward reads h'.
//! join lib/activation-choice

const gates: u32 = 1u;
const input_gates: u32 = 1u;
const states: u32 = 1u;
const saved_values: u32 = select(0u, 1u, clips);
const parameters: u32 = 0u;
const norm_parameters: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 1u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 1>(0u);
const gradient_phase = array<u32, 1>(0u);
const state_phase = array<u32, 1>(0u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = false;
const forward_reads_state = array<bool, 1>(false);
const backward_reads_state = array<bool, 1>(false);
const backward_reads_next = array<bool, 1>(true);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  let a = step.x[0] + step.u[0];
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
  gradient.d_state[0] = 0.0;
  return gradient;
}
