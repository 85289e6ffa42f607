// The gates of the GRU of cuDNN, PyTorch and Keras, forward and backward: r, z = gate(·), n = candidate(x_n + r u_n).
// keep = z (PyTorch) or 1 - z (update_replaces); h' = (1 - keep) n + keep h. Saved: r z n u_n, then the marks of
// clipped gates. The candidate's two parts have different gradients, so dx and du are kept apart.
//! join lib/activation-choice

const update_replaces: bool = false; // specialize

const R: u32 = 0u;
const Z: u32 = 1u;
const N: u32 = 2u;
const M: u32 = 3u;
const MARKS: u32 = 4u;

fn gru_forward(given: CellStep) -> CellStep {
  var step = given;
  let r_in = step.x[R] + step.u[R];
  let z_in = step.x[Z] + step.u[Z];
  let r = gate_value(clipped(r_in));
  let z = gate_value(clipped(z_in));
  let m = step.u[N];
  let n_in = step.x[N] + r * m;
  let n = candidate_value(clipped(n_in));
  let keep = select(z, 1.0 - z, update_replaces);
  step.saved[R] = r;
  step.saved[Z] = z;
  step.saved[N] = n;
  step.saved[M] = m;
  if (clips) { // static
    step.saved[MARKS] = clip_mark(r_in, 1u) + clip_mark(z_in, 2u) + clip_mark(n_in, 4u);
  }
  step.next[0] = (1.0 - keep) * n + keep * step.state[0];
  return step;
}

fn gru_backward(given: CellGradient) -> CellGradient {
  var gradient = given;
  let r = gradient.saved[R];
  let z = gradient.saved[Z];
  let n = gradient.saved[N];
  var marks = 0.0;
  if (clips) { // static
    marks = gradient.saved[MARKS];
  }
  let keep = select(z, 1.0 - z, update_replaces);
  let direction = select(1.0, -1.0, update_replaces);
  let dh = gradient.d_next[0];
  let dn = unless_clipped(dh * (1.0 - keep) * candidate_slope(n), marks, 4u);
  let dr = unless_clipped(dn * gradient.saved[M] * gate_slope(r), marks, 1u);
  let dz = unless_clipped(dh * direction * (gradient.state[0] - n) * gate_slope(z), marks, 2u);
  gradient.dx[R] = dr;
  gradient.dx[Z] = dz;
  gradient.dx[N] = dn;
  gradient.du[R] = dr;
  gradient.du[Z] = dz;
  gradient.du[N] = dn * r;
  gradient.d_state[0] = dh * keep;
  return gradient;
}
