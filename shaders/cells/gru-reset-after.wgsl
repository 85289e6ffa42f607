// The GRU of cuDNN, PyTorch and Keras: r, z = sigmoid(·), n = tanh(x_n + r u_n).
// keep = z (PyTorch) or 1 - z (update_replaces); h' = (1 - keep) n + keep h. Saved: r z n u_n.
// The candidate's two parts have different gradients, so dx and du are kept apart.
//! join lib/activations

const update_replaces: bool = false; // specialize

const gates: u32 = 3u;
const states: u32 = 1u;
const saved_values: u32 = 4u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 3u);
const saved_phase = array<u32, 4>(0u, 0u, 0u, 0u);
const gradient_phase = array<u32, 3>(0u, 0u, 0u);
const gradients_apart: bool = true;
const forward_reads_state = array<bool, 1>(true);
const backward_reads_state = array<bool, 1>(true);
const backward_reads_next = array<bool, 1>(false);

const R: u32 = 0u;
const Z: u32 = 1u;
const N: u32 = 2u;
const M: u32 = 3u;

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  let r = sigmoid(step.x[R] + step.u[R]);
  let z = sigmoid(step.x[Z] + step.u[Z]);
  let m = step.u[N];
  let n = tanh_stable(step.x[N] + r * m);
  let keep = select(z, 1.0 - z, update_replaces);
  step.saved[R] = r;
  step.saved[Z] = z;
  step.saved[N] = n;
  step.saved[M] = m;
  step.next[0] = (1.0 - keep) * n + keep * step.state[0];
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  let r = gradient.saved[R];
  let z = gradient.saved[Z];
  let n = gradient.saved[N];
  let keep = select(z, 1.0 - z, update_replaces);
  let direction = select(1.0, -1.0, update_replaces);
  let dh = gradient.d_next[0];
  let dn = dh * (1.0 - keep) * (1.0 - n * n);
  let dr = dn * gradient.saved[M] * r * (1.0 - r);
  let dz = dh * direction * (gradient.state[0] - n) * z * (1.0 - z);
  gradient.dx[R] = dr;
  gradient.dx[Z] = dz;
  gradient.dx[N] = dn;
  gradient.du[R] = dr;
  gradient.du[Z] = dz;
  gradient.du[N] = dn * r;
  gradient.d_state[0] = dh * keep;
  return gradient;
}
