// The sLSTM: z = tanh(·), o = sigmoid(·), log f = log sigmoid(·) or the value itself (exponential),
// m' = max(log f + m, i~), i = exp(i~ - m'), f = exp(log f + m - m'), c' = f c + i z, n' = f n + i, h' = o c' / n'.
// Where n is 0 the state is empty and m' = i~. Saved: z i f o, and the slope of log f.
// The gradient is exact, that of m included: docs/adr/0019-slstm.md.
// Source: Beck et al. 2024, arXiv 2405.04517.
//! join lib/activations

const exponential: bool = false; // specialize

const gates: u32 = 4u;
const input_gates: u32 = 4u;
const states: u32 = 4u;
const saved_values: u32 = 5u;
const parameters: u32 = 0u;
const norm_parameters: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 4u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 5>(0u, 0u, 0u, 0u, 0u);
const gradient_phase = array<u32, 4>(0u, 0u, 0u, 0u);
const state_phase = array<u32, 4>(0u, 0u, 0u, 0u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = false;
const forward_reads_state = array<bool, 4>(false, true, true, true);
const backward_reads_state = array<bool, 4>(false, true, true, false);
const backward_reads_next = array<bool, 4>(false, false, false, false);

const Z: u32 = 0u;
const I: u32 = 1u;
const F: u32 = 2u;
const O: u32 = 3u;
const S: u32 = 4u;
const H: u32 = 0u;
const C: u32 = 1u;
const N: u32 = 2u;
const M: u32 = 3u;

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  let z = tanh_stable(step.x[Z] + step.u[Z]);
  let o = sigmoid(step.x[O] + step.u[O]);
  let raw = step.x[I] + step.u[I];
  let raw_forget = step.x[F] + step.u[F];
  let kept = select(log_sigmoid(raw_forget), raw_forget, exponential) + step.state[M];
  let most = select(kept, raw, step.state[N] == 0.0 || raw > kept);
  let i = exp(raw - most);
  let f = exp(min(kept - most, 80.0)); // above 1 only where c and n are 0: it must not overflow there
  step.saved[Z] = z;
  step.saved[I] = i;
  step.saved[F] = f;
  step.saved[O] = o;
  step.saved[S] = select(sigmoid(-raw_forget), 1.0, exponential);
  step.next[C] = f * step.state[C] + i * z;
  step.next[N] = f * step.state[N] + i;
  step.next[M] = most;
  step.next[H] = o * step.next[C] / step.next[N];
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  let z = gradient.saved[Z];
  let i = gradient.saved[I];
  let f = gradient.saved[F];
  let o = gradient.saved[O];
  let dh = gradient.d_next[H];
  // c' and n' anew: the old ones are read anyway.
  let share = 1.0 / (f * gradient.state[N] + i);
  let mean = (f * gradient.state[C] + i * z) * share;
  let dc = gradient.d_next[C] + dh * o * share;
  let dn = gradient.d_next[N] - dh * o * mean * share;
  let of_input = (dc * z + dn) * i;
  let of_forget = (dc * gradient.state[C] + dn * gradient.state[N]) * f;
  // The larger exponent is m': its gate is constant, and what reaches m' goes on to it.
  let input_leads = gradient.state[N] == 0.0 || f < 1.0;
  let dm = gradient.d_next[M];
  let d_kept = select(dm - of_input, of_forget, input_leads);
  gradient.dx[Z] = dc * i * (1.0 - z * z);
  gradient.dx[I] = select(of_input, dm - of_forget, input_leads);
  gradient.dx[F] = d_kept * gradient.saved[S];
  gradient.dx[O] = dh * mean * o * (1.0 - o);
  gradient.du = gradient.dx;
  gradient.d_state[H] = 0.0;
  gradient.d_state[C] = dc * f;
  gradient.d_state[N] = dn * f;
  gradient.d_state[M] = d_kept;
  return gradient;
}
