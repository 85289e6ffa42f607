// The gates of an LSTM, forward and backward: i, f, o = gate(·), g = candidate(·), c' = f c + i g. What becomes of
// o output(c') is left to the cell: it is h', or what a projection multiplies.
// Peepholes: i and f see the old cell, o the new one (ONNX). `input_forget`: f = 1 - i.
// Saved: i f g o, then the marks of clipped gates. c' is computed again, not read: zoneout may have kept the old one.
// Source: Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000; peepholes Gers & Schmidhuber 2000.
//! join lib/activation-choice

const peepholes: bool = false; // specialize
const input_forget: bool = false; // specialize

const I: u32 = 0u;
const F: u32 = 1u;
const G: u32 = 2u;
const O: u32 = 3u;
const MARKS: u32 = 4u;
const H: u32 = 0u;
const C: u32 = 1u;
// Peepholes among the cell's parameters.
const P_I: u32 = 0u;
const P_F: u32 = 1u;
const P_O: u32 = 2u;

fn lstm_forward(given: CellStep) -> CellStep {
  var step = given;
  let old = step.state[C];
  var i_in = step.x[I] + step.u[I];
  var f_in = step.x[F] + step.u[F];
  let g_in = step.x[G] + step.u[G];
  var o_in = step.x[O] + step.u[O];
  if (peepholes) { // static
    i_in += step.parameters[P_I] * old;
    f_in += step.parameters[P_F] * old;
  }
  let i = gate_value(clipped(i_in));
  var f = gate_value(clipped(f_in));
  if (input_forget) { // static
    f = 1.0 - i;
  }
  let g = candidate_value(clipped(g_in));
  let c = f * old + i * g;
  if (peepholes) { // static
    o_in += step.parameters[P_O] * c;
  }
  let o = gate_value(clipped(o_in));
  step.saved[I] = i;
  step.saved[F] = f;
  step.saved[G] = g;
  step.saved[O] = o;
  if (clips) { // static
    step.saved[MARKS] = clip_mark(i_in, 1u) + clip_mark(f_in, 2u) + clip_mark(g_in, 4u) + clip_mark(o_in, 8u);
  }
  step.next[C] = c;
  step.vector = o * output_value(c);
  return step;
}

// From the gradients of o output(c') and of c' to those of the gates and of the old cell.
fn lstm_backward(given: CellGradient, d_vector: f32, d_cell: f32) -> CellGradient {
  var gradient = given;
  let old = gradient.state[C];
  let i = gradient.saved[I];
  let f = gradient.saved[F];
  let g = gradient.saved[G];
  let o = gradient.saved[O];
  var marks = 0.0;
  if (clips) { // static
    marks = gradient.saved[MARKS];
  }
  let c = f * old + i * g;
  let seen = output_value(c);
  let d_o = unless_clipped(d_vector * seen * gate_slope(o), marks, 8u);
  var dc = d_cell + d_vector * o * output_slope(seen);
  if (peepholes) { // static
    dc += d_o * gradient.parameters[P_O];
  }
  var d_i = dc * g;
  var d_f = unless_clipped(dc * old * gate_slope(f), marks, 2u);
  if (input_forget) { // static
    d_i -= dc * old;
    d_f = 0.0;
  }
  d_i = unless_clipped(d_i * gate_slope(i), marks, 1u);
  gradient.dx[I] = d_i;
  gradient.dx[F] = d_f;
  gradient.dx[G] = unless_clipped(dc * i * candidate_slope(g), marks, 4u);
  gradient.dx[O] = d_o;
  gradient.d_state[C] = dc * f;
  if (peepholes) { // static
    gradient.d_state[C] += d_i * gradient.parameters[P_I] + d_f * gradient.parameters[P_F];
    gradient.d_parameters[P_I] = d_i * old;
    gradient.d_parameters[P_F] = d_f * old;
    gradient.d_parameters[P_O] = d_o * c;
  }
  return gradient;
}
