// The original GRU: r, z = sigmoid(·), then n = tanh(x_n + W_hn (r ⊙ h)): two recurrent matmuls.
// keep = z (PyTorch) or 1 - z (update_replaces); h' = (1 - keep) n + keep h. Saved: r z, then n.
// Source: Cho et al. 2014.
//! join lib/activations

const update_replaces: bool = false; // specialize

const gates: u32 = 3u;
const states: u32 = 1u;
const saved_values: u32 = 3u;
const phases: u32 = 2u;
const phase_gates = array<u32, 3>(0u, 2u, 3u);
const saved_phase = array<u32, 3>(0u, 0u, 1u);
const gradient_phase = array<u32, 3>(0u, 1u, 1u);
const gradients_apart: bool = false;
const forward_reads_state = array<bool, 1>(true);
const backward_reads_state = array<bool, 1>(true);
const backward_reads_next = array<bool, 1>(false);

const R: u32 = 0u;
const Z: u32 = 1u;
const N: u32 = 2u;

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  if (phase == 0u) {
    step.saved[R] = sigmoid(step.x[R] + step.u[R]);
    step.saved[Z] = sigmoid(step.x[Z] + step.u[Z]);
    step.vector = step.saved[R] * step.state[0];
  } else {
    let n = tanh_stable(step.x[N] + step.u[N]);
    let z = step.saved[Z];
    let keep = select(z, 1.0 - z, update_replaces);
    step.saved[N] = n;
    step.next[0] = (1.0 - keep) * n + keep * step.state[0];
  }
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  let r = gradient.saved[R];
  let z = gradient.saved[Z];
  let n = gradient.saved[N];
  if (phase == 1u) {
    let keep = select(z, 1.0 - z, update_replaces);
    let direction = select(1.0, -1.0, update_replaces);
    let dh = gradient.d_next[0];
    gradient.dx[N] = dh * (1.0 - keep) * (1.0 - n * n);
    gradient.dx[Z] = dh * direction * (gradient.state[0] - n) * z * (1.0 - z);
    gradient.du[N] = gradient.dx[N];
    gradient.du[Z] = gradient.dx[Z];
    gradient.d_state[0] = dh * keep;
  } else {
    gradient.dx[R] = gradient.d_vector * gradient.state[0] * r * (1.0 - r);
    gradient.du[R] = gradient.dx[R];
    gradient.d_state[0] += gradient.d_vector * r;
  }
  return gradient;
}
