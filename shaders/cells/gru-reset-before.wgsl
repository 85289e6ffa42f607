// The GRU of lib/gru-reset-before.
//! join lib/gru-reset-before

const gates: u32 = 3u;
const input_gates: u32 = 3u;
const states: u32 = 1u;
const saved_values: u32 = select(3u, 5u, clips);
const parameters: u32 = 0u;
const norm_parameters: u32 = 0u;
const phases: u32 = 2u;
const phase_gates = array<u32, 3>(0u, 2u, 3u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 5>(0u, 0u, 1u, 0u, 1u);
const gradient_phase = array<u32, 3>(0u, 1u, 1u);
const state_phase = array<u32, 1>(1u);
const multiplies: bool = true;
const masks_vector: bool = true;
const gradients_apart: bool = false;
const forward_reads_state = array<bool, 1>(true);
const backward_reads_state = array<bool, 1>(true);
const backward_reads_next = array<bool, 1>(false);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  return gru_forward(phase, given);
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  return gru_backward(phase, given);
}
