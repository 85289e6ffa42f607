// The LSTM of lib/lstm with a projected output: h' = W_hr (o output(c')), the second recurrent matmul of a step,
// whose rows are the gate p.
// Source: Sak, Senior & Beaufays 2014.
//! join lib/lstm

const gates: u32 = 5u;
const input_gates: u32 = 4u;
const states: u32 = 2u;
const saved_values: u32 = select(4u, 5u, clips);
const parameters: u32 = select(0u, 3u, peepholes);
const norm_parameters: u32 = 0u;
const phases: u32 = 2u;
const phase_gates = array<u32, 3>(0u, 4u, 5u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 5>(0u, 0u, 0u, 0u, 0u);
const gradient_phase = array<u32, 5>(0u, 0u, 0u, 0u, 1u);
const state_phase = array<u32, 2>(1u, 0u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = true;
const forward_reads_state = array<bool, 2>(false, true);
const backward_reads_state = array<bool, 2>(false, true);
const backward_reads_next = array<bool, 2>(false, false);

const P: u32 = 4u;

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  if (phase == 0u) {
    return lstm_forward(given);
  }
  var step = given;
  step.next[H] = step.u[P];
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  if (phase == 1u) {
    gradient.du[P] = gradient.d_next[H];
    gradient.d_state[H] = 0.0;
    gradient.d_state[C] = gradient.d_next[C];
    return gradient;
  }
  gradient = lstm_backward(given, given.d_vector, given.d_state[C]);
  for (var gate = 0u; gate < input_gates; gate++) {
    gradient.du[gate] = gradient.dx[gate];
  }
  return gradient;
}
