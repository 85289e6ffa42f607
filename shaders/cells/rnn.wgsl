// The vanilla RNN: h' = f(x + u), f = tanh or relu. Nothing is saved: backward reads h'.
//! join lib/activations

const rectified: bool = false; // specialize

const gates: u32 = 1u;
const states: u32 = 1u;
const saved_values: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 1u);
const saved_phase = array<u32, 1>(0u);
const gradient_phase = array<u32, 1>(0u);
const gradients_apart: bool = false;
const forward_reads_state = array<bool, 1>(false);
const backward_reads_state = array<bool, 1>(false);
const backward_reads_next = array<bool, 1>(true);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  let a = step.x[0] + step.u[0];
  if (rectified) {
    step.next[0] = max(a, 0.0);
  } else {
    step.next[0] = tanh_stable(a);
  }
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  let h = gradient.next[0];
  var slope = 1.0 - h * h;
  if (rectified) {
    slope = select(0.0, 1.0, h > 0.0);
  }
  let da = gradient.d_next[0] * slope;
  gradient.dx[0] = da;
  gradient.du[0] = da;
  gradient.d_state[0] = 0.0;
  return gradient;
}
