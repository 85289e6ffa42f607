// The LSTM of lib/lstm with layer normalisation (lib/normalize), as LayerNormLSTM of haste: of W_hh h over all gates of
// a row, and of c' on its way to h'. The phases: the products; the gates and c'; h' = o output(n), n the normalised c'.
// Saved: what lib/lstm saves; c'; the products; mean and 1 / deviation of the products, and of c'; output(n).
//! join lib/lstm

const gates: u32 = 4u;
const input_gates: u32 = 4u;
const states: u32 = 2u;
const saved_values: u32 = SEEN + 1u;
const parameters: u32 = 10u;
const norm_parameters: u32 = 10u;
const phases: u32 = 3u;
const phase_gates = array<u32, 4>(0u, 4u, 4u, 4u);
const first_vector: u32 = 2u;
const saved_phase = array<u32, 15>(
  1u, 1u, 1u, 1u, 1u, select(0u, 1u, clips), 0u, 0u, 0u, select(1u, 0u, clips), 1u, select(2u, 1u, clips), 2u, 2u, 2u);
const gradient_phase = array<u32, 4>(0u, 0u, 0u, 0u);
const state_phase = array<u32, 2>(2u, 1u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = true;
const forward_reads_state = array<bool, 2>(false, true);
const backward_reads_state = array<bool, 2>(false, true);
const backward_reads_next = array<bool, 2>(false, false);
const norm_values = array<u32, 4>(0u, 4u, 1u, 0u);
const norm_saved = array<u32, 4>(0u, PRODUCTS, CELL, 0u);
const norm_statistics = array<u32, 4>(0u, PRODUCT_STATISTICS, CELL_STATISTICS, 0u);
const norm_gains = array<u32, 4>(0u, 0u, 8u, 0u);
const norm_shifts = array<u32, 4>(0u, 4u, 9u, 0u);
const gate_norm = array<u32, 4>(1u, 1u, 1u, 1u);
const input_gradient_phase = array<u32, 4>(1u, 1u, 1u, 2u);

const CELL: u32 = select(4u, 5u, clips);
const PRODUCTS: u32 = CELL + 1u;
const PRODUCT_STATISTICS: u32 = PRODUCTS + 4u;
const CELL_STATISTICS: u32 = PRODUCT_STATISTICS + 2u;
const SEEN: u32 = CELL_STATISTICS + 2u;

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  if (phase == 1u) {
    step = lstm_forward(given);
    step.saved[CELL] = step.next[C];
  } else {
    step.saved[SEEN] = output_value(step.vector);
    step.next[H] = step.saved[O] * step.saved[SEEN];
  }
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  if (phase == 2u) {
    let o = gradient.saved[O];
    let seen = gradient.saved[SEEN];
    var marks = 0.0;
    if (clips) { // static
      marks = gradient.saved[MARKS];
    }
    let dh = gradient.d_next[H];
    gradient.dx[O] = unless_clipped(dh * seen * gate_slope(o), marks, 8u);
    gradient.du[O] = gradient.dx[O];
    gradient.d_vector = dh * o * output_slope(seen);
    gradient.d_state[H] = 0.0;
    gradient.d_state[C] = gradient.d_next[C];
  } else {
    gradient = lstm_backward(given, 0.0, given.d_state[C] + given.d_vector);
    gradient.du = gradient.dx;
  }
  return gradient;
}
