// The GRU of lib/gru-reset-before with layer normalisation (lib/normalize) of its two products, each over its own gates
// of a row. The phases: W_hh h of r and z; r and z; W_hn (r ⊙ h); n and h'.
// Saved: what lib/gru-reset-before saves; the products; mean and 1 / deviation of those of r and z, and of that of n.
//! join lib/gru-reset-before

const gates: u32 = 3u;
const input_gates: u32 = 3u;
const states: u32 = 1u;
const saved_values: u32 = STATISTICS + 4u;
const parameters: u32 = 6u;
const norm_parameters: u32 = 6u;
const phases: u32 = 4u;
const phase_gates = array<u32, 5>(0u, 2u, 2u, 3u, 3u);
const first_vector: u32 = 1u;
const saved_phase = array<u32, 12>(
  1u, 1u, 3u, select(0u, 1u, clips), select(0u, 3u, clips), select(2u, 0u, clips), select(1u, 0u, clips),
  select(1u, 2u, clips), select(3u, 1u, clips), select(3u, 1u, clips), 3u, 3u);
const gradient_phase = array<u32, 3>(0u, 0u, 2u);
const state_phase = array<u32, 1>(3u);
const multiplies: bool = true;
const masks_vector: bool = true;
const gradients_apart: bool = true;
const forward_reads_state = array<bool, 1>(true);
const backward_reads_state = array<bool, 1>(true);
const backward_reads_next = array<bool, 1>(false);
const norm_values = array<u32, 5>(0u, 2u, 0u, 1u, 0u);
const norm_saved = array<u32, 5>(0u, PRODUCTS, 0u, PRODUCTS + 2u, 0u);
const norm_statistics = array<u32, 5>(0u, STATISTICS, 0u, STATISTICS + 2u, 0u);
const norm_gains = array<u32, 5>(0u, 0u, 0u, 2u, 0u);
const norm_shifts = array<u32, 5>(0u, 3u, 0u, 5u, 0u);
const gate_norm = array<u32, 3>(1u, 1u, 3u);
const input_gradient_phase = array<u32, 3>(1u, 3u, 3u);

const PRODUCTS: u32 = select(3u, 5u, clips);
const STATISTICS: u32 = PRODUCTS + 3u;

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  return gru_forward(phase / 2u, given);
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  return gru_backward(phase / 2u, given);
}
