// The GRU of lib/gru-reset-after with layer normalisation (lib/normalize) of W_hh h over all gates of a row, as
// LayerNormGRU of haste. The phases: the products; the gates and h'.
// Saved: what lib/gru-reset-after saves; the products; their mean and 1 / deviation.
//! join lib/gru-reset-after

const gates: u32 = 3u;
const input_gates: u32 = 3u;
const states: u32 = 1u;
const saved_values: u32 = STATISTICS + 2u;
const parameters: u32 = 6u;
const norm_parameters: u32 = 6u;
const phases: u32 = 2u;
const phase_gates = array<u32, 3>(0u, 3u, 3u);
const first_vector: u32 = 1u;
const saved_phase = array<u32, 10>(1u, 1u, 1u, 1u, select(0u, 1u, clips), 0u, 0u, select(1u, 0u, clips), 1u, 1u);
const gradient_phase = array<u32, 3>(0u, 0u, 0u);
const state_phase = array<u32, 1>(1u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = true;
const forward_reads_state = array<bool, 1>(true);
const backward_reads_state = array<bool, 1>(true);
const backward_reads_next = array<bool, 1>(false);
const norm_values = array<u32, 3>(0u, 3u, 0u);
const norm_saved = array<u32, 3>(0u, PRODUCTS, 0u);
const norm_statistics = array<u32, 3>(0u, STATISTICS, 0u);
const norm_gains = array<u32, 3>(0u, 0u, 0u);
const norm_shifts = array<u32, 3>(0u, 3u, 0u);
const gate_norm = array<u32, 3>(1u, 1u, 1u);
const input_gradient_phase = array<u32, 3>(1u, 1u, 1u);

const PRODUCTS: u32 = select(4u, 5u, clips);
const STATISTICS: u32 = PRODUCTS + 3u;

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  return gru_forward(given);
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  return gru_backward(given);
}
