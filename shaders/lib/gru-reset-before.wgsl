// The gates of the original GRU, forward and backward: r, z = gate(·), then n = candidate(x_n + W_hn (r ⊙ h)): two
// recurrent matmuls, whose phases are 0 and 1 here.
// keep = z (PyTorch) or 1 - z (update_replaces); h' = (1 - keep) n + keep h. Saved: r z, then n; and behind them the
// marks of clipped gates, of r and z and of n.
// Source: Cho et al. 2014.
//! join lib/activation-choice

const update_replaces: bool = false; // specialize

const R: u32 = 0u;
const Z: u32 = 1u;
const N: u32 = 2u;
const GATE_MARKS: u32 = 3u;
const CANDIDATE_MARKS: u32 = 4u;

fn gru_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  if (phase == 0u) {
    let r_in = step.x[R] + step.u[R];
    let z_in = step.x[Z] + step.u[Z];
    step.saved[R] = gate_value(clipped(r_in));
    step.saved[Z] = gate_value(clipped(z_in));
    if (clips) { // static
      step.saved[GATE_MARKS] = clip_mark(r_in, 1u) + clip_mark(z_in, 2u);
    }
    step.vector = step.saved[R] * step.state[0];
  } else {
    let n_in = step.x[N] + step.u[N];
    let n = candidate_value(clipped(n_in));
    let z = step.saved[Z];
    let keep = select(z, 1.0 - z, update_replaces);
    step.saved[N] = n;
    if (clips) { // static
      step.saved[CANDIDATE_MARKS] = clip_mark(n_in, 4u);
    }
    step.next[0] = (1.0 - keep) * n + keep * step.state[0];
  }
  return step;
}

fn gru_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  let r = gradient.saved[R];
  let z = gradient.saved[Z];
  let n = gradient.saved[N];
  var marks = 0.0;
  if (clips) { // static
    marks = gradient.saved[GATE_MARKS] + gradient.saved[CANDIDATE_MARKS];
  }
  if (phase == 1u) {
    let keep = select(z, 1.0 - z, update_replaces);
    let direction = select(1.0, -1.0, update_replaces);
    let dh = gradient.d_next[0];
    gradient.dx[N] = unless_clipped(dh * (1.0 - keep) * candidate_slope(n), marks, 4u);
    gradient.dx[Z] = unless_clipped(dh * direction * (gradient.state[0] - n) * gate_slope(z), marks, 2u);
    gradient.du[N] = gradient.dx[N];
    gradient.du[Z] = gradient.dx[Z];
    gradient.d_state[0] = dh * keep;
  } else {
    gradient.dx[R] = unless_clipped(gradient.d_vector * gradient.state[0] * gate_slope(r), marks, 1u);
    gradient.du[R] = gradient.dx[R];
    gradient.d_state[0] += gradient.d_vector * r;
  }
  return gradient;
}
