// The LSTM of lib/lstm: h' = o output(c').
//! join lib/lstm

const gates: u32 = 4u;
const input_gates: u32 = 4u;
const states: u32 = 2u;
const saved_values: u32 = select(4u, 5u, clips);
const parameters: u32 = select(0u, 3u, peepholes);
const norm_parameters: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 4u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 5>(0u, 0u, 0u, 0u, 0u);
const gradient_phase = array<u32, 4>(0u, 0u, 0u, 0u);
const state_phase = array<u32, 2>(0u, 0u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = peepholes;
const forward_reads_state = array<bool, 2>(false, true);
const backward_reads_state = array<bool, 2>(false, true);
const backward_reads_next = array<bool, 2>(false, false);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = lstm_forward(given);
  step.next[H] = step.vector;
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = lstm_backward(given, given.d_next[H], given.d_next[C]);
  gradient.du = gradient.dx;
  gradient.d_state[H] = 0.0;
  return gradient;
}
