// The LSTM: i, f, o = sigmoid(·), g = tanh(·), c' = f c + i g, h' = o tanh(c'). Saved: i f g o.
// Source: Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000.
//! join lib/activations

const gates: u32 = 4u;
const states: u32 = 2u;
const saved_values: u32 = 4u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 4u);
const saved_phase = array<u32, 4>(0u, 0u, 0u, 0u);
const gradient_phase = array<u32, 4>(0u, 0u, 0u, 0u);
const gradients_apart: bool = false;
const forward_reads_state = array<bool, 2>(false, true);
const backward_reads_state = array<bool, 2>(false, true);
const backward_reads_next = array<bool, 2>(false, true);

const I: u32 = 0u;
const F: u32 = 1u;
const G: u32 = 2u;
const O: u32 = 3u;
const H: u32 = 0u;
const C: u32 = 1u;

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  let i = sigmoid(step.x[I] + step.u[I]);
  let f = sigmoid(step.x[F] + step.u[F]);
  let g = tanh_stable(step.x[G] + step.u[G]);
  let o = sigmoid(step.x[O] + step.u[O]);
  let c = f * step.state[C] + i * g;
  step.saved[I] = i;
  step.saved[F] = f;
  step.saved[G] = g;
  step.saved[O] = o;
  step.next[C] = c;
  step.next[H] = o * tanh_stable(c);
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  let i = gradient.saved[I];
  let f = gradient.saved[F];
  let g = gradient.saved[G];
  let o = gradient.saved[O];
  let tanh_c = tanh_stable(gradient.next[C]);
  let dh = gradient.d_next[H];
  let dc = gradient.d_next[C] + dh * o * (1.0 - tanh_c * tanh_c);
  gradient.dx[I] = dc * g * i * (1.0 - i);
  gradient.dx[F] = dc * gradient.state[C] * f * (1.0 - f);
  gradient.dx[G] = dc * i * (1.0 - g * g);
  gradient.dx[O] = dh * tanh_c * o * (1.0 - o);
  gradient.du = gradient.dx;
  gradient.d_state[H] = 0.0;
  gradient.d_state[C] = dc * f;
  return gradient;
}
