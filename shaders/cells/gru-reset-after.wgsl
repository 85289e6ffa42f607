// The GRU of lib/gru-reset-after.
//! join lib/gru-reset-after

const gates: u32 = 3u;
const input_gates: u32 = 3u;
const states: u32 = 1u;
const saved_values: u32 = select(4u, 5u, clips);
const parameters: u32 = 0u;
const norm_parameters: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 3u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 5>(0u, 0u, 0u, 0u, 0u);
const gradient_phase = array<u32, 3>(0u, 0u, 0u);
const state_phase = array<u32, 1>(0u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = true;
const forward_reads_state = array<bool, 1>(true);
const backward_reads_state = array<bool, 1>(true);
const backward_reads_next = array<bool, 1>(false);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  return gru_forward(given);
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  return gru_backward(given);
}
