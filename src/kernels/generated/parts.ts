// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { PartDescription } from '../description.ts';

/** Library parts by the name that `//! join` uses. */
export const parts: Record<string, PartDescription> = {
  'lib/activation-choice': {
    name: 'lib/activation-choice',
    source: `// The activations of a cell's roles, chosen by number, and the bound on what goes into them. Gradients come
// from the value alone, so that nothing else has to be kept. The mirror of src/cells/activations.ts.
//! join lib/activations

const gate_activation: u32 = 1u; // specialize
const gate_alpha: f32 = 1.0; // specialize
const gate_beta: f32 = 0.0; // specialize
const candidate_activation: u32 = 0u; // specialize
const candidate_alpha: f32 = 1.0; // specialize
const candidate_beta: f32 = 0.0; // specialize
const output_activation: u32 = 0u; // specialize
const output_alpha: f32 = 1.0; // specialize
const output_beta: f32 = 0.0; // specialize
const clips: bool = false; // specialize
const clip_bound: f32 = 1.0; // specialize

const TANH: u32 = 0u;
const SIGMOID: u32 = 1u;
const RELU: u32 = 2u;
const HARD_SIGMOID: u32 = 3u;
const AFFINE: u32 = 4u;
const LEAKY_RELU: u32 = 5u;
const THRESHOLDED_RELU: u32 = 6u;
const ELU: u32 = 7u;
const SOFTSIGN: u32 = 8u;
const SOFTPLUS: u32 = 9u;

// The activation of a kind. The joiner keeps the one line of it: compilers take long over all the others.
fn activate(y: ptr<function, f32>, kind: u32, alpha: f32, beta: f32, x: f32) { // inline
  if (kind == TANH) { // static
    *y = tanh_stable(x);
  } else if (kind == SIGMOID) { // static
    *y = sigmoid(x);
  } else if (kind == RELU) { // static
    *y = max(x, 0.0);
  } else if (kind == HARD_SIGMOID) { // static
    *y = clamp(alpha * x + beta, 0.0, 1.0);
  } else if (kind == AFFINE) { // static
    *y = alpha * x + beta;
  } else if (kind == LEAKY_RELU) { // static
    *y = select(alpha * x, x, x >= 0.0);
  } else if (kind == THRESHOLDED_RELU) { // static
    *y = select(0.0, x, x >= alpha);
  } else if (kind == ELU) { // static
    *y = select(alpha * (exp(min(x, 0.0)) - 1.0), x, x >= 0.0);
  } else if (kind == SOFTSIGN) { // static
    *y = x / (1.0 + abs(x));
  } else if (kind == SOFTPLUS) { // static
    *y = max(x, 0.0) + log(1.0 + exp(-abs(x)));
  } else { // the scaled tanh
    *y = alpha * tanh_stable(beta * x);
  }
}

// The derivative where the activation has the value y.
fn find_slope(slope: ptr<function, f32>, kind: u32, alpha: f32, beta: f32, y: f32) { // inline
  if (kind == TANH) { // static
    *slope = 1.0 - y * y;
  } else if (kind == SIGMOID) { // static
    *slope = y * (1.0 - y);
  } else if (kind == RELU) { // static
    *slope = select(0.0, 1.0, y > 0.0);
  } else if (kind == HARD_SIGMOID) { // static
    *slope = select(0.0, alpha, y > 0.0 && y < 1.0);
  } else if (kind == AFFINE) { // static
    *slope = alpha;
  } else if (kind == LEAKY_RELU) { // static
    *slope = select(alpha, 1.0, y >= 0.0);
  } else if (kind == THRESHOLDED_RELU) { // static
    *slope = select(0.0, 1.0, y != 0.0);
  } else if (kind == ELU) { // static
    *slope = select(y + alpha, 1.0, y >= 0.0);
  } else if (kind == SOFTSIGN) { // static
    *slope = (1.0 - abs(y)) * (1.0 - abs(y));
  } else if (kind == SOFTPLUS) { // static
    // 1 - e^-y, which cancels near zero.
    *slope = select(1.0 - exp(-y), y * (1.0 - y * (0.5 - y * (1.0 / 6.0 - y / 24.0))), y < 0.125);
  } else { // the scaled tanh
    *slope = beta * (alpha - y * y / alpha);
  }
}

fn gate_value(x: f32) -> f32 {
  var y: f32;
  activate(&y, gate_activation, gate_alpha, gate_beta, x);
  return y;
}

fn gate_slope(y: f32) -> f32 {
  var slope: f32;
  find_slope(&slope, gate_activation, gate_alpha, gate_beta, y);
  return slope;
}

fn candidate_value(x: f32) -> f32 {
  var y: f32;
  activate(&y, candidate_activation, candidate_alpha, candidate_beta, x);
  return y;
}

fn candidate_slope(y: f32) -> f32 {
  var slope: f32;
  find_slope(&slope, candidate_activation, candidate_alpha, candidate_beta, y);
  return slope;
}

fn output_value(x: f32) -> f32 {
  var y: f32;
  activate(&y, output_activation, output_alpha, output_beta, x);
  return y;
}

fn output_slope(y: f32) -> f32 {
  var slope: f32;
  find_slope(&slope, output_activation, output_alpha, output_beta, y);
  return slope;
}

// What goes into an activation: within the bound where there is one.
fn clipped(x: f32) -> f32 {
  return select(x, clamp(x, -clip_bound, clip_bound), clips);
}

// \`bit\` where x is outside the bound: the gradient ends there. Bits of several gates add up to one saved value.
fn clip_mark(x: f32, bit: u32) -> f32 {
  return select(0.0, f32(bit), abs(x) > clip_bound);
}

// The gradient, or 0 where \`marks\` say that the input was outside the bound.
fn unless_clipped(gradient: f32, marks: f32, bit: u32) -> f32 {
  return select(gradient, 0.0, clips && (u32(marks) & bit) != 0u);
}
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
    },
  },
  'lib/activations': {
    name: 'lib/activations',
    source: `// Activations that are exact enough for training in float32 and never overflow.

// 1 / (1 + e^-x). exp of a large argument would overflow to infinity, which WGSL may assume away.
fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

// tanh with a relative error of a few ulp everywhere. Near zero 1 - e^-2|x| cancels, so an odd
// polynomial (the truncated series, error below 1e-8 for |x| < 0.25) takes over there.
fn tanh_stable(x: f32) -> f32 {
  let a = abs(x);
  let e = exp(-2.0 * a);
  let outer = (1.0 - e) / (1.0 + e);
  let s = x * x;
  let inner = a * (1.0 + s * (-1.0 / 3.0 + s * (2.0 / 15.0 + s * (-17.0 / 315.0 + s * (62.0 / 2835.0)))));
  return select(outer, inner, a < 0.25) * sign(x);
}

// log(sigmoid(x)); absolute errors of a few ulp of 1, as WGSL has no log(1 + x).
fn log_sigmoid(x: f32) -> f32 {
  return min(x, 0.0) - log(1.0 + exp(-abs(x)));
}
`,
    constants: {},
  },
  'lib/candidate': {
    name: 'lib/candidate',
    source: `// Candidates of cells whose steps are a scan: the value itself, or g(v) = v + 0.5 for v >= 0, sigmoid(v) below,
// which is positive and has no kink at 0.
//! join lib/activations

fn candidate(v: f32, positive: bool) -> f32 {
  return select(v, select(sigmoid(v), v + 0.5, v >= 0.0), positive);
}

fn candidate_slope(v: f32, positive: bool) -> f32 {
  return select(1.0, sigmoid(v) * sigmoid(-v), positive && v < 0.0);
}
`,
    constants: {},
  },
  'lib/cell-step': {
    name: 'lib/cell-step',
    source: `// What a cell sees: one time step of one unit of one batch row. The mirror of src/cells/cell.ts.
// \`gates\`, \`states\` and \`saved_values\` are constants of the joined cell; arrays have a spare element
// where a cell saves nothing, because WGSL has no empty arrays.

struct CellStep {
  x: array<f32, gates>,                // W_ih·x + b_ih
  u: array<f32, gates>,                // W_hh·v + b_hh of this phase's gates
  state: array<f32, states>,           // before the step
  saved: array<f32, saved_values + 1u>, // kept for backward
  next: array<f32, states>,            // after the step; set in the last phase
  vector: f32,                         // what the next phase multiplies
  parameters: array<f32, parameters + 1u>, // the unit's own trained values
}

struct CellGradient {
  saved: array<f32, saved_values + 1u>,
  state: array<f32, states>,
  next: array<f32, states>,
  d_next: array<f32, states>,          // gradient of the state after the step (last phase)
  d_vector: f32,                       // gradient of this phase's vector (other phases)
  dx: array<f32, gates>,               // gradient of W_ih·x + b_ih
  du: array<f32, gates>,               // gradient of W_hh·v + b_hh
  d_state: array<f32, states>,         // gradient of the state before, without the part through W_hh
  parameters: array<f32, parameters + 1u>,
  d_parameters: array<f32, parameters + 1u>,
}

// The step behind the end of a sequence: the state stays, nothing is saved.
fn hold_state(given: CellStep) -> CellStep {
  var step: CellStep;
  step.state = given.state;
  step.next = given.state;
  return step;
}

// Its gradient: that of the state goes through, the gates get none.
fn hold_gradient(given: CellGradient, is_last_phase: bool) -> CellGradient {
  var gradient: CellGradient;
  gradient.d_state = given.d_state;
  if (is_last_phase) {
    gradient.d_state = given.d_next;
  }
  return gradient;
}
`,
    constants: {},
  },
  'lib/gru-reset-after': {
    name: 'lib/gru-reset-after',
    source: `// The gates of the GRU of cuDNN, PyTorch and Keras, forward and backward: r, z = gate(·), n = candidate(x_n + r u_n).
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
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
      update_replaces: 'bool',
    },
  },
  'lib/gru-reset-before': {
    name: 'lib/gru-reset-before',
    source: `// The gates of the original GRU, forward and backward: r, z = gate(·), then n = candidate(x_n + W_hn (r ⊙ h)): two
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
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
      update_replaces: 'bool',
    },
  },
  'lib/half': {
    name: 'lib/half',
    source: `// Numbers on their way into half precision. WGSL lets a conversion of what f16 does not hold give an infinity or
// the largest f16; a training step must see the overflow, so it is made an infinity here.

// The number, or an infinity of its sign where it would round to more than 65504.
fn to_half_range(value: f32) -> f32 {
  let bits = bitcast<u32>(value);
  let overflows = (bits & 0x7fffffffu) >= 0x477ff000u;
  return bitcast<f32>(select(bits, (bits & 0x80000000u) | 0x7f800000u, overflows));
}
`,
    constants: {},
  },
  'lib/log-sum-exp': {
    name: 'lib/log-sum-exp',
    source: `// log(Σ eˣ) in one pass without overflow: a pair of the largest x so far and Σ e^(x - largest).
// Source: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax".

// The pair after one more x.
fn include_exponent(pair: vec2f, x: f32) -> vec2f {
  let difference = x - pair.x;
  let ratio = exp(-abs(difference));
  return select(
    vec2f(pair.x, pair.y + ratio),
    vec2f(x, pair.y * ratio + 1.0),
    difference > 0.0,
  );
}

// The pair of two sets of numbers.
fn merge_exponents(a: vec2f, b: vec2f) -> vec2f {
  let largest = max(a.x, b.x);
  return vec2f(largest, a.y * exp(a.x - largest) + b.y * exp(b.x - largest));
}
`,
    constants: {},
  },
  'lib/lstm': {
    name: 'lib/lstm',
    source: `// The gates of an LSTM, forward and backward: i, f, o = gate(·), g = candidate(·), c' = f c + i g. What becomes of
// o output(c') is left to the cell: it is h', or what a projection multiplies.
// Peepholes: i and f see the old cell, o the new one (ONNX). \`input_forget\`: f = 1 - i.
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
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
      peepholes: 'bool',
      input_forget: 'bool',
    },
  },
  'lib/matmul-staged': {
    name: 'lib/matmul-staged',
    source: `// A thread's sums of a product whose numbers pass through workgroup memory. Bindings and tile are those of
// kernels/matmul.
//! join lib/matmul-sums

// Through workgroup memory, a round of \`stage_k\` terms at a time. The next round's numbers are on their way while this
// one's are multiplied: a GPU with a workgroup or two to a processor has nothing else to do meanwhile.
fn add_staged(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, k_begin: u32, k_end: u32, group: vec3u, lane: vec3u,
    local: u32) { // inline
  var a_from: array<vec4u, a_loads>; // registers
  var b_from: array<vec4u, b_loads>; // registers
  for (var l = 0u; l < a_loads; l++) { // unroll
    let line = group.y * tile_m + 4u * staged_quad(local + l * lanes, a_quads, walks_rows);
    a_from[l] = vec4u(row_at(line), row_at(line + 1u), row_at(line + 2u), row_at(line + 3u));
  }
  for (var l = 0u; l < b_loads; l++) { // unroll
    let line = group.x * tile_n + 4u * staged_quad(local + l * lanes, b_quads, !walks_terms);
    b_from[l] = vec4u(column_at(line), column_at(line + 1u), column_at(line + 2u), column_at(line + 3u));
  }
  var a_next: array<vec4f, a_loads>; // registers
  var b_next: array<vec4f, b_loads>; // registers
  load_round(&a_from, &b_from, &a_next, &b_next, k_begin, k_end, local);
  for (var i = k_begin; i < k_end; i += stage_k) {
    workgroupBarrier();
    for (var l = 0u; l < a_loads; l++) { // unroll
      let at = local + l * lanes;
      a_stage[staged_term(at, a_quads, walks_rows) * a_stride + staged_quad(at, a_quads, walks_rows)] = a_next[l];
    }
    for (var l = 0u; l < b_loads; l++) { // unroll
      let at = local + l * lanes;
      b_stage[staged_term(at, b_quads, !walks_terms) * b_stride + staged_quad(at, b_quads, !walks_terms)] = b_next[l];
    }
    workgroupBarrier();
    if (i + stage_k < k_end) {
      load_round(&a_from, &b_from, &a_next, &b_next, i + stage_k, k_end, local);
    }
    for (var term = 0u; term < stage_k; term++) {
      var left: array<f32, rows>; // registers
      for (var q = 0u; q < rows / 4u; q++) { // unroll
        let four = a_stage[term * a_stride + lane.y * (rows / 4u) + q];
        left[4u * q] = four.x;
        left[4u * q + 1u] = four.y;
        left[4u * q + 2u] = four.z;
        left[4u * q + 3u] = four.w;
      }
      if (sums_columns) { // static
        for (var r = 0u; r < rows; r++) { // unroll
          sum[r] += left[r];
        }
      }
      for (var q = 0u; q < columns / 4u; q++) { // unroll
        let right = b_stage[term * b_stride + q * lanes_n + lane.x];
        for (var r = 0u; r < rows; r++) { // unroll
          acc[r * columns + 4u * q] += left[r] * right.x;
          acc[r * columns + 4u * q + 1u] += left[r] * right.y;
          acc[r * columns + 4u * q + 2u] += left[r] * right.z;
          acc[r * columns + 4u * q + 3u] += left[r] * right.w;
        }
      }
    }
  }
}

// A thread's share of a round: four lines of a term at a time.
fn load_round(a_from: ptr<function, array<vec4u, a_loads>>, b_from: ptr<function, array<vec4u, b_loads>>, a_next: ptr<function, array<vec4f, a_loads>>,
    b_next: ptr<function, array<vec4f, b_loads>>, begin: u32, k_end: u32, local: u32) { // inline
  for (var l = 0u; l < a_loads; l++) { // unroll
    let term = begin + staged_term(local + l * lanes, a_quads, walks_rows);
    let at = a_from[l] + term * shape.a_term;
    a_next[l] = vec4f(a_at(at.x, term < k_end), a_at(at.y, term < k_end), a_at(at.z, term < k_end), a_at(at.w, term < k_end));
  }
  for (var l = 0u; l < b_loads; l++) { // unroll
    let at = b_from[l] + b_terms(vec4u(begin + staged_term(local + l * lanes, b_quads, !walks_terms)));
    b_next[l] = vec4f(f32(b[at.x]), f32(b[at.y]), f32(b[at.z]), f32(b[at.w]));
  }
}

// The term of a round, and the four lines of it, that a thread stages: neighbours take what lies side by side, lines or
// terms.
fn staged_term(at: u32, quads: u32, by_line: bool) -> u32 {
  return select(at % max(stage_k, 1u), at / max(quads, 1u), by_line);
}

fn staged_quad(at: u32, quads: u32, by_line: bool) -> u32 {
  return select(at / max(stage_k, 1u), at % max(quads, 1u), by_line);
}
`,
    constants: {},
  },
  'lib/matmul-sums': {
    name: 'lib/matmul-sums',
    source: `// A thread's sums of a product over its part of k. Bindings and tile are those of kernels/matmul.
//! join lib/quads

// Where the rows of op(A) and the columns of op(B) begin.
fn row_at(row: u32) -> u32 {
  return shape.a_offset + min(row, shape.m - 1u) * shape.a_row;
}

fn column_at(column: u32) -> u32 {
  let inside = min(column, shape.n - 1u);
  if (b_has_tiles) { // static
    return shape.b_offset + inside / shape.b_tile * shape.b_next_tile + inside % shape.b_tile * shape.b_column;
  } else {
    return shape.b_offset + inside * shape.b_column;
  }
}

// A number of op(A); zero where it is none of this part of k.
fn a_at(at: u32, is_inside: bool) -> f32 {
  if (has_tail) { // static
    return select(0.0, f32(a[at]), is_inside);
  } else {
    return f32(a[at]);
  }
}

// How far terms lie behind the begin of a column of op(B). Those behind the last are multiplied by zero; repeating
// the last one keeps them finite.
fn b_terms(i: vec4u) -> vec4u {
  return shape.b_term * select(i, min(i, vec4u(shape.k - 1u)), has_tail);
}

// From memory, four terms at a time.
fn add_plain(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, first_row: u32, first_column: u32, k_begin: u32,
    k_end: u32, slice: u32) { // inline
  var row: array<u32, rows>; // registers
  var column: array<u32, columns>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    row[r] = row_at(first_row + r);
  }
  for (var j = 0u; j < columns; j++) { // unroll
    column[j] = column_at(first_column + j * lanes_n);
  }
  if (spreads) { // splice
    let order = quad_order();
  } else {
    const order = vec4u(0u, 1u, 2u, 3u);
  }
  for (var i = k_begin + 4u * slice; i < k_end; i += 4u * slices) {
    var left: array<vec4f, rows>; // registers
    let own = i + order;
    let is_inside = own < vec4u(k_end);
    let a_term = own * shape.a_term;
    for (var r = 0u; r < rows; r++) { // unroll
      if (spreads) { // static
        left[r] = swap_quad(a_at(row[r] + a_term.x, is_inside.x));
      } else {
        left[r] = vec4f(a_at(row[r] + a_term.x, is_inside.x), a_at(row[r] + a_term.y, is_inside.y),
          a_at(row[r] + a_term.z, is_inside.z), a_at(row[r] + a_term.w, is_inside.w));
      }
    }
    if (sums_columns) { // static
      for (var r = 0u; r < rows; r++) { // unroll
        if (spreads) { // static: the quad's other numbers are in its other lanes' sums
          sum[r] += left[r].x;
        } else {
          sum[r] += dot(left[r], vec4f(1.0));
        }
      }
    }
    let b_term = b_terms(own);
    for (var j = 0u; j < columns; j++) { // unroll
      let right = vec4f(f32(b[column[j] + b_term.x]), f32(b[column[j] + b_term.y]), f32(b[column[j] + b_term.z]), f32(b[column[j] + b_term.w]));
      for (var r = 0u; r < rows; r++) { // unroll
        acc[r * columns + j] += dot(left[r], right);
      }
    }
  }
  if (sums_columns && spreads) { // static
    for (var r = 0u; r < rows; r++) { // unroll
      sum[r] = sum_quad(sum[r]);
    }
  }
}
`,
    constants: {},
  },
  'lib/matmul-tile': {
    name: 'lib/matmul-tile',
    source: `// Where a thread's sums of a product go. Bindings and tile are those of kernels/matmul.
//! join lib/half

// Adds up what slices share, and writes.
fn keep_tile(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, first_row: u32, first_column: u32, part: u32,
    lane: vec3u, local: u32, slice: u32) { // inline
  if (slices > 1u) { // static
    keep_shared(acc, sum, first_row, first_column, part, lane, local, slice);
  } else {
    keep_own(acc, sum, first_row, first_column, part);
  }
}

// Sums of one thread, row by row. The rows are not unrolled: the guarded stores would be most of the code. The columns
// are, so that each has its bias at hand.
fn keep_own(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, first_row: u32, first_column: u32, part: u32) { // inline
  var tile = *acc;
  var row_bias: array<f32, columns>; // registers
  if (shape.has_bias == 1u) {
    for (var j = 0u; j < columns; j++) { // unroll
      row_bias[j] = bias[min(first_column + column_of(0u, j), shape.n - 1u)];
    }
  }
  let end = min(rows, shape.m - min(first_row, shape.m));
  for (var r = 0u; r < end; r++) {
    let begin = place_of(part, first_row + r, first_column);
    for (var j = 0u; j < columns; j++) { // unroll
      if (first_column + column_of(0u, j) < shape.n) {
        keep(begin + column_of(0u, j), tile[r * columns + j] + row_bias[j]);
      }
    }
  }
  if (sums_columns) { // static
    var sums = *sum;
    if (shape.has_sums == 1u && first_column == 0u) {
      for (var r = 0u; r < end; r++) {
        column_sums[part * shape.m + shape.sums_offset + first_row + r] = sums[r];
      }
    }
  }
}

// Sums that \`slices\` threads have parts of: each adds up and writes every so manieth.
fn keep_shared(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, first_row: u32, first_column: u32, part: u32,
    lane: vec3u, local: u32, slice: u32) { // inline
  for (var t = 0u; t < tile_sums; t++) { // unroll
    sliced[(slice * tile_sums + t) * lanes + local] = acc[t];
  }
  if (sums_columns) { // static: all lanes of a row have its sum
    if (lane.x == 0u) {
      for (var r = 0u; r < rows; r++) { // unroll
        sliced_columns[(slice * lanes_m + lane.y) * rows + r] = sum[r];
      }
    }
  }
  workgroupBarrier();
  for (var t = slice; t < tile_sums; t += slices) {
    let to_row = first_row + t / columns;
    let to_column = first_column + t % columns * lanes_n;
    if (to_row < shape.m && to_column < shape.n) {
      var value = 0.0;
      for (var other = 0u; other < slices; other++) { // unroll
        value += sliced[(other * tile_sums + t) * lanes + local];
      }
      if (shape.has_bias == 1u) {
        value += bias[to_column];
      }
      keep(place_of(part, to_row, to_column), value);
    }
  }
  if (sums_columns) { // static
    if (shape.has_sums == 1u && first_column == 0u) {
      for (var r = slice; r < min(rows, shape.m - min(first_row, shape.m)); r += slices) {
        var value = 0.0;
        for (var other = 0u; other < slices; other++) { // unroll
          value += sliced_columns[(other * lanes_m + lane.y) * rows + r];
        }
        column_sums[part * shape.m + shape.sums_offset + first_row + r] = value;
      }
    }
  }
}

// A lane's column, counted from the tile's first. Staged columns are dealt out in fours.
fn column_of(lane: u32, column: u32) -> u32 {
  if (stage_k > 0u) { // static
    return column / 4u * 4u * lanes_n + 4u * lane + column % 4u;
  } else {
    return column * lanes_n + lane;
  }
}

fn place_of(part: u32, row: u32, column: u32) -> u32 {
  return part * shape.split_stride + shape.c_offset + row * shape.c_stride + column;
}

fn keep(place: u32, value: f32) {
  if (c_is_half) { // static
    c[place] = c_number(to_half_range(value));
  } else {
    c[place] = c_number(value);
  }
}
`,
    constants: {},
  },
  'lib/normalize': {
    name: 'lib/normalize',
    source: `// Layer normalisation inside a step, of cells with norm_parameters: a phase saves values, and the next one has them
// normalised over all units of the batch row, n = gain · (value - mean) / sqrt(variance + 1e-5) + shift. The values are
// the products of the phase's gates, which is then all that the phase does, or its vector. Which phase normalises how many values, where they, their
// statistics (mean, 1 / deviation) and their parameters lie, is in the cell's norm_* tables.
// Source: Ba, Kiros & Hinton 2016. The variance is summed from the differences to the mean.
//
// The threads of a workgroup share its rows out among themselves, row_threads to each. What they read has been written
// before the barrier at the end of a phase, or by another dispatch. Barriers: 5 forward and 3 backward. Every thread adds up
// its row's parts by itself: halving them step by step would take fewer additions, and a barrier in each, with which
// software adapters build pipelines slowly.

const rows_at_once: u32 = min(rows, threads);
const row_threads: u32 = threads / rows_at_once;

var<workgroup> row_parts: array<vec2f, threads + row_threads>;
// Of each row: (mean, 1 / deviation) forward, the means of g and g·x̂ backward.
var<workgroup> row_statistics: array<vec2f, rows>;

// The sum of the parts of a row, in every thread of the row. All threads call it together.
fn sum_over_row(local: u32, own: vec2f) -> vec2f {
  workgroupBarrier();
  row_parts[local] = own;
  workgroupBarrier();
  let begin = local - local % row_threads;
  var sum = vec2f();
  for (var part = 0u; part < row_threads; part++) {
    sum += row_parts[begin + part];
  }
  return sum;
}

// Sets the statistics of \`count\` values from \`first\` on among the saved ones of a time step.
fn describe_rows(local: u32, first_row: u32, saved_begin: u32, first: u32, count: u32) {
  let part = local % row_threads;
  let width = count * hidden_size;
  for (var round = 0u; round < rows; round += rows_at_once) { // unroll
    let r = round + local / row_threads;
    let begin = saved_begin + (min(first_row + r, batch - 1u) * saved_values + first) * hidden_size;
    var sum = 0.0;
    for (var i = part; i < width; i += row_threads) {
      sum += f32(saved[begin + i]);
    }
    let mean = sum_over_row(local, vec2f(sum, 0.0)).x / f32(width);
    var squares = 0.0;
    for (var i = part; i < width; i += row_threads) {
      let difference = f32(saved[begin + i]) - mean;
      squares += difference * difference;
    }
    let variance = sum_over_row(local, vec2f(squares, 0.0)).x / f32(width);
    if (part == 0u && r < rows) {
      row_statistics[r] = vec2f(mean, 1.0 / sqrt(variance + 0.00001));
    }
  }
  workgroupBarrier();
}

// Sets the means of g = dn · gain and g·x̂, from the gradients of shifts (dn) and gains (dn·x̂) of a time step: columns
// of d_recurrent that begin at \`gates_begin\` with those of the gates.
fn describe_gradients(local: u32, first_row: u32, gates_begin: u32, gains_at: u32, gain: u32, shift: u32, count: u32) {
  let part = local % row_threads;
  let width = count * hidden_size;
  for (var round = 0u; round < rows; round += rows_at_once) { // unroll
    let r = round + local / row_threads;
    let begin = gates_begin + min(first_row + r, batch - 1u) * gate_size + gates * hidden_size;
    var sums = vec2f();
    for (var i = part; i < width; i += row_threads) {
      let d_shift = f32(d_recurrent[begin + shift * hidden_size + i]);
      let d_gain = f32(d_recurrent[begin + gain * hidden_size + i]);
      sums += given[gains_at + gain * hidden_size + i] * vec2f(d_shift, d_gain);
    }
    let total = sum_over_row(local, sums);
    if (part == 0u && r < rows) {
      row_statistics[r] = total / f32(width);
    }
  }
  workgroupBarrier();
}

// A unit's value without its row's mean and deviation, from a step's saved values of the unit.
fn normal_at(saved_at: u32, value: u32, statistics: u32) -> f32 {
  let mean = f32(saved[saved_at + statistics * hidden_size]);
  return (f32(saved[saved_at + value * hidden_size]) - mean) * f32(saved[saved_at + (statistics + 1u) * hidden_size]);
}

// The gradient of a unit's value from g and the row's means.
fn unit_gradient(saved_at: u32, value: u32, statistics: u32, g: f32, means: vec2f) -> f32 {
  let inverse = f32(saved[saved_at + (statistics + 1u) * hidden_size]);
  return inverse * (g - means.x - normal_at(saved_at, value, statistics) * means.y);
}
`,
    constants: {},
  },
  'lib/quads': {
    name: 'lib/quads',
    source: `// Loads shared by the four lanes of a quad: each lane loads one of four numbers that all of them need.
// A quarter of the loads, for three swaps each: right where loads are dear (software adapters, mobile GPUs
// without a scalar unit). Needs the feature \`subgroups\`; every lane must take part. That four neighbouring invocations
// are a quad, weights that are held or packed for swaps take for granted, and the device's self-test finds out.
enable subgroups;

// The order in which a lane sees its quad: itself first. Lanes are counted and not taken from the workgroup: how
// invocations map to subgroups is the driver's affair.
fn quad_order() -> vec4u {
  return vec4u(0u, 1u, 2u, 3u) ^ vec4u(subgroupExclusiveAdd(1u) & 3u);
}

// The numbers of the lanes of \`quad_order\`. A sum over four terms takes them in any order, as long as its other
// factor comes in the same: a swap is one instruction on a CPU, where a broadcast is fifty.
fn swap_quad(own: f32) -> vec4f {
  return vec4f(own, quadSwapX(own), quadSwapY(own), quadSwapDiagonal(own));
}

// The sum of the four lanes' numbers, the same bits in all of them.
fn sum_quad(own: f32) -> f32 {
  let pair = own + quadSwapX(own);
  return pair + quadSwapY(pair);
}
`,
    constants: {},
  },
  'lib/random': {
    name: 'lib/random',
    source: `// Counter-based random numbers: Philox4x32-10, the same bits as src/random.ts.
// A number is a pure function of (seed, stream, step, index): masks are drawn again, never stored.
// Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".

fn multiply_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let low = a_low * b_low;
  let middle1 = a_high * b_low + (low >> 16u);
  let middle2 = a_low * b_high + (middle1 & 0xffffu);
  return a_high * b_high + (middle1 >> 16u) + (middle2 >> 16u);
}

// Four 32-bit words for a counter.
fn philox(seed: u32, stream: u32, step: u32, index: u32) -> vec4u {
  var c = vec4u(index, step, stream, 0u);
  var k = vec2u(seed, 0xcaf357d1u);
  for (var round = 0u; round < 10u; round++) {
    let high0 = multiply_high(0xd2511f53u, c.x);
    let low0 = 0xd2511f53u * c.x;
    let high1 = multiply_high(0xcd9e8d57u, c.z);
    let low1 = 0xcd9e8d57u * c.z;
    c = vec4u(high1 ^ c.y ^ k.x, low1, high0 ^ c.w ^ k.y, low0);
    k = k + vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

// A word as a number in [0, 1): its upper 24 bits.
fn to_uniform(word: u32) -> f32 {
  return f32(word >> 8u) * 0x1p-24;
}

// One uniform number in [0, 1) for an index: word \`index mod 4\` of block \`index div 4\`.
fn uniform_at(seed: u32, stream: u32, step: u32, index: u32) -> f32 {
  return to_uniform(philox(seed, stream, step, index >> 2u)[index & 3u]);
}
`,
    constants: {},
  },
  'lib/recurrence': {
    name: 'lib/recurrence',
    source: `// What the recurrence kernels share: sizes, the register tile, and where states lie in the history.
// The history holds states and phase vectors one after another, each \`section_size\` floats: y[t] at
// y_origin + t·B·H, or t·B·H where a track walks back in time; the initial state one slot before the first
// in processing order.
//
// A track is one recurrence of those that share a dispatch: a direction, or a layer. The grid's z says which
// of the span's tracks a workgroup works on; sizes and cell are the same for all.
//
// In half precision weights, states, saved values and gate gradients are stored as f16. h, the first state, takes
// one number; the states behind it add up over time, where rounding would swallow small changes, and take two:
// the value and what rounding it has left.
//! join lib/half

const steps: u32 = 16u; // specialize
const batch: u32 = 4u; // specialize
const hidden_size: u32 = 8u; // specialize
const state_size: u32 = 8u; // specialize: what of h is not zero: hidden_size, or that of a projection
const rows: u32 = 2u; // specialize
const units: u32 = 1u; // specialize
const lanes: u32 = 8u; // specialize
const unit_tile: u32 = 8u; // specialize
const spreads: bool = false; // specialize
const stages: bool = false; // specialize
const slices: u32 = 1u; // specialize: threads that share the sums of a unit, each with its part of k
const held_quads: u32 = 0u; // specialize: of each sum's quads of k, those whose weights stay with the thread
const carries: bool = false; // specialize: what a step hands to the next one goes through workgroup memory
const y_origin: u32 = 64u; // specialize
const section_size: u32 = 576u; // specialize
const tracks: u32 = 1u; // specialize
const is_half: bool = false; // specialize
const has_lengths: bool = false; // specialize
const has_mask: bool = false; // specialize
const has_zoneout: bool = false; // specialize
alias number = f32; // f16: is_half
alias quad = vec4f; // f16: is_half

const threads: u32 = lanes * slices;
const row_size: u32 = batch * hidden_size;

// What a recurrence may be given beside its states, from \`extras\` on in the buffer \`given\`, one behind the other:
//   lengths [B], bit patterns of i32: steps at or behind a row's length leave its state as it is;
//   mask [B, H]: a factor on the h that the recurrent matmul reads, the same at all steps (recurrent dropout).
//     Masked h is kept in a section of its own, the last one, for the matmul and for the weights' gradient;
//   zoneout [states, T, B, H]: the share of the new value in the state, the rest stays;
//   backward only: the cell's parameters [parameters, H].
const mask_begin: u32 = select(0u, batch, has_lengths);
const zoneout_begin: u32 = mask_begin + select(0u, row_size, has_mask);
const parameters_begin: u32 = zoneout_begin + select(0u, states * steps * row_size, has_zoneout);
const needs_states: bool = has_lengths || has_zoneout;
// Whether threads read what others of their workgroup have written. Stepwise they do not, the dispatch ends first:
// without a barrier a software adapter runs a workgroup in one go, on GPUs none waits for its last writes.
const hands_on: bool = unit_tile >= hidden_size;
// … and wait for each other. The lanes of a workgroup that is a quad need not, where they spread their loads: a lane
// loads the numbers of its own units, and gets the others' from them. Normalising reads whole rows.
const waits: bool = hands_on && !(spreads && threads == 4u && norm_parameters == 0u);
// Weights are packed by tiles of units, so that every index but the tile's is known to be in bounds:
// compilers then leave out their checks.
const tile_units: u32 = lanes * units;
const tiles: u32 = (hidden_size + tile_units - 1u) / tile_units;
const all_tiles: u32 = tracks * tiles;
const hidden_quads: u32 = (hidden_size + 3u) / 4u;
const state_quads: u32 = (state_size + 3u) / 4u;
const has_tail: bool = hidden_size % 4u != 0u;
// Whether the last phase makes h of the first state_size units; behind them weights and h are zero.
const projects: bool = state_size < hidden_size;
const padded_size: u32 = 4u * hidden_quads;
// Quads of k of a thread, for each of its sums.
const slice_quads: u32 = (hidden_quads + slices - 1u) / slices;
const holds: bool = held_quads > 0u;
// Slices walk k in rounds whose loads are all on the way at once; weights that a thread holds are in the only one.
const most_unrolled: u32 = max(1u, 64u / (gates * units));
const sliced_rounds: u32 = select((slice_quads + most_unrolled - 1u) / most_unrolled, 1u, holds);
const rounds: u32 = select(hidden_quads, sliced_rounds, slices > 1u);
const round_quads: u32 = (slice_quads + rounds - 1u) / rounds;
const state_rounds: u32 = (state_quads + round_quads * slices - 1u) / (round_quads * slices);
// Whether some of those quads lie behind the end of k, and no zeros are held for them.
const passes_end: bool = rounds * round_quads * slices > hidden_quads && held_quads < slice_quads;

// Where number \`at\` of a state's section lies in the history of a track that begins at \`origin\`.
fn state_place(origin: u32, s: u32, at: u32) -> u32 {
  if (is_half) { // static
    return origin + select((2u * s - 1u) * section_size + 2u * at, at, s == 0u);
  } else {
    return origin + s * section_size + at;
  }
}

// Where the section of the vector behind a phase begins; masked h lies behind the last one.
fn vector_begin_of(phase: u32) -> u32 {
  return (select(states, 2u * states - 1u, is_half) + phase - first_vector) * section_size;
}
const masked_phase: u32 = phases - 1u;
// Phases by which a gate's input comes behind its product: a normalised product is first handed on as it is.
const input_lag: u32 = select(0u, 1u, norm_parameters > 0u);

fn to_number(value: f32) -> number {
  if (is_half) { // static
    return number(to_half_range(value));
  } else {
    return number(value);
  }
}

// A number of a state out of the history.
fn state_of(origin: u32, s: u32, at: u32) -> f32 {
  let place = state_place(origin, s, at);
  if (is_half) { // static
    // Behind a number of h lies the next one, not its rest.
    if (s > 0u) {
      return f32(history[place]) + f32(history[place + 1u]);
    }
  }
  return f32(history[place]);
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
    },
  },
  'lib/recurrence-backward-keep': {
    name: 'lib/recurrence-backward-keep',
    source: `// Recurrence, backward: the gradient of the cell step itself, and what is kept of it. Bindings and tile are those of
// kernels/recurrence-backward or kernels/recurrence-backward-cell.
//! join lib/normalize
//! join lib/recurrence-backward-read

// Copies the given gradient of the final state.
fn keep_last_gradient(track: Track, first_row: u32, unit_begin: u32, unit_end: u32, lane: u32, slice: u32) { // inline
  for (var unit = unit_begin + lane; unit < unit_end; unit += lanes) {
    for (var r = slice; r < rows; r += slices) {
      if (first_row + r < batch) {
        let at = (first_row + r) * hidden_size + unit;
        for (var s = 0u; s < states; s++) {
          carry[track.place.y + s * row_size + at] = given[track.source.y + s * row_size + at];
        }
      }
    }
  }
}

// What came through the weights reaches what was masked in front of them.
fn mask_through(through: ptr<function, f32>, phase: u32, item: Item, track: Track) { // inline
  if (has_mask && (masks_vector || phase + 1u == phases)) { // static
    *through *= given[track.place.w + mask_begin + item.at];
  }
}

// The gradients of products that the next phase has normalised.
fn finish_products(i: u32, phase: u32, item: Item, track: Track) { // inline
  for (var v = 0u; v < norm_values[phase + 1u]; v++) { // unroll
    let d_shift = f32(d_recurrent[item.gate_at + (gates + norm_shifts[phase + 1u] + v) * hidden_size]);
    let gain = given[track.place.w + parameters_begin + (norm_gains[phase + 1u] + v) * hidden_size + item.unit];
    let d_product = unit_gradient(item.saved_at, norm_saved[phase + 1u] + v, norm_statistics[phase + 1u], d_shift * gain, row_statistics[i / units]);
    d_recurrent[item.gate_at + (phase_gates[phase] + v) * hidden_size] = to_number(d_product);
  }
}

// Goes back through the cell step, and keeps what it gives.
fn finish_gradient(gradient: ptr<function, CellGradient>, through: f32, i: u32, phase: u32, item: Item, moment: Moment, track: Track) { // inline
  if (phase + 1u == phases) { // static
    gradient.d_next[0] += through;
  } else {
    gradient.d_vector = through;
  }
  if (norm_parameters > 0u) { // static
    if (norm_values[phase + 1u] > 0u) { // static
      let d_shift = f32(d_recurrent[item.gate_at + (gates + norm_shifts[phase + 1u]) * hidden_size]);
      let gain = given[track.place.w + parameters_begin + norm_gains[phase + 1u] * hidden_size + item.unit];
      gradient.d_vector = unit_gradient(item.saved_at, norm_saved[phase + 1u], norm_statistics[phase + 1u], d_shift * gain, row_statistics[i / units]);
    }
  }
  var complete: CellGradient;
  if (needs_states) { // static
    complete = *gradient;
  }
  if (has_zoneout && phase + 1u == phases) { // static
    for (var s = 0u; s < states; s++) { // unroll
      gradient.d_next[s] *= given[track.place.w + zoneout_begin + (s * steps + moment.t) * row_size + item.at];
    }
  }
  *gradient = cell_backward(phase, *gradient);
  if (has_zoneout && phase + 1u == phases) { // static
    for (var s = 0u; s < states; s++) { // unroll
      gradient.d_state[s] += complete.d_next[s] - gradient.d_next[s];
    }
  }
  if (has_lengths) { // static
    if (moment.t >= bitcast<u32>(given[track.place.w + item.row])) {
      *gradient = hold_gradient(complete, phase + 1u == phases);
    }
  }
  keep_gates(gradient, i, phase, item);
  if (norm_parameters > 0u) { // static
    keep_norms(gradient, phase, item);
  }
  for (var p = norm_parameters; p < parameters; p++) { // unroll
    if (phase == 0u) { // static
      d_recurrent[item.gate_at + (gates + p) * hidden_size] = to_number(gradient.d_parameters[p]);
    }
  }
  for (var s = 0u; s < states; s++) { // unroll
    carry[track.place.y + s * row_size + item.at] = gradient.d_state[s];
  }
}

// The gates' gradients that are complete with this phase.
fn keep_gates(gradient: ptr<function, CellGradient>, i: u32, phase: u32, item: Item) { // inline
  for (var g = 0u; g < gates; g++) { // unroll
    if (gradient_phase[g] == phase) { // static
      d_recurrent[item.gate_at + g * hidden_size] = to_number(gradient.du[g]);
      if (carries) { // static
        carried[(i / units * gates + g) * padded_size + item.unit] = f32(to_number(gradient.du[g]));
      }
      if (gradients_apart && norm_parameters == 0u && g < input_gates) { // static
        d_projected[item.projected_at + g * hidden_size] = to_number(gradient.dx[g]);
      }
    }
  }
}

// The gradients of inputs, gains and shifts of what is normalised.
fn keep_norms(gradient: ptr<function, CellGradient>, phase: u32, item: Item) { // inline
  for (var g = 0u; g < gates; g++) { // unroll
    if (input_gradient_phase[g] == phase) { // static
      let at_norm = g - phase_gates[gate_norm[g] - 1u];
      let normal = normal_at(item.saved_at, norm_saved[gate_norm[g]] + at_norm, norm_statistics[gate_norm[g]]);
      d_projected[item.projected_at + g * hidden_size] = to_number(gradient.dx[g]);
      d_recurrent[item.gate_at + (gates + norm_gains[gate_norm[g]] + at_norm) * hidden_size] = to_number(gradient.du[g] * normal);
      d_recurrent[item.gate_at + (gates + norm_shifts[gate_norm[g]] + at_norm) * hidden_size] = to_number(gradient.du[g]);
    }
  }
  if (norm_values[phase] > 0u && phase_gates[max(phase, 1u) - 1u] == phase_gates[phase]) { // static
    let normal = normal_at(item.saved_at, norm_saved[phase], norm_statistics[phase]);
    d_recurrent[item.gate_at + (gates + norm_gains[phase]) * hidden_size] = to_number(gradient.d_vector * normal);
    d_recurrent[item.gate_at + (gates + norm_shifts[phase]) * hidden_size] = to_number(gradient.d_vector);
  }
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
      has_output_gradient: 'bool',
      d_output_is_half: 'bool',
      projected_stride: 'u32',
    },
  },
  'lib/recurrence-backward-read': {
    name: 'lib/recurrence-backward-read',
    source: `// Recurrence, backward: what the gradient of a cell step reads but for what comes through the weights. Bindings and
// tile are those of kernels/recurrence-backward or kernels/recurrence-backward-cell.
//! join lib/cell-step
//! join lib/recurrence-track

struct BackwardSpan {
  end_phase: u32,   // phases run downwards from end_phase - 1 …
  first_phase: u32, // … to first_phase
  // Of each of four tracks: first index, counted from the last position, number of steps, 1: copy the final
  // state's gradient into carry first, 1: the forward pass has walked back in time.
  walk_0: vec4u, walk_1: vec4u, walk_2: vec4u, walk_3: vec4u,
  // Where it begins in d_output, given, history, saved.
  source_0: vec4u, source_1: vec4u, source_2: vec4u, source_3: vec4u,
  // … in d_recurrent, carry, weight (in tiles), and its extras in given.
  place_0: vec4u, place_1: vec4u, place_2: vec4u, place_3: vec4u,
}

const has_output_gradient: bool = true; // specialize
const d_output_is_half: bool = false; // specialize
alias d_output_number = f32; // f16: d_output_is_half

const gate_size: u32 = (gates + parameters) * hidden_size;
const projected_stride: u32 = 0u; // specialize: from one track's d_projected to the next one's

// A time step, or what comes before the first one.
struct Moment {
  is_step: bool,
  position: u32, // in processing order
  t: u32,
}

fn moment_of(track: Track, back: u32) -> Moment {
  let is_step = back < steps;
  let position = select(0u, steps - 1u - back, is_step);
  return Moment(is_step, position, time_of(position, track.runs_reverse));
}

// A unit of a row: where it lies in a state, in the gates' gradients, in what the step has saved and in the gradients
// of projected inputs.
struct Item {
  row: u32,
  unit: u32,
  at: u32,
  gate_at: u32,
  saved_at: u32,
  projected_at: u32,
}

fn item_of(i: u32, base: u32, first_row: u32, lane: u32, moment: Moment, track: Track) -> Item {
  let row = first_row + i / units;
  let unit = base + i % units * lanes + lane;
  let line = moment.t * batch + row;
  let projected_begin = track.place.z / tiles * projected_stride;
  return Item(row, unit, row * hidden_size + unit, track.place.x + line * gate_size + unit,
    track.source.w + line * saved_values * hidden_size + unit, projected_begin + line * input_gates * hidden_size + unit);
}

// Reads what a cell step's gradient needs but for what comes through the weights.
fn read_gradient(gradient: ptr<function, CellGradient>, phase: u32, item: Item, moment: Moment, track: Track) { // inline
  for (var v = 0u; v < saved_values; v++) { // unroll
    gradient.saved[v] = f32(saved[item.saved_at + v * hidden_size]);
  }
  for (var s = 0u; s < states; s++) { // unroll
    if (backward_reads_state[s]) { // static
      gradient.state[s] = state_of(track.source.z, s, slot(moment.position, track.runs_reverse) + item.at);
    }
    if (backward_reads_next[s]) { // static
      gradient.next[s] = state_of(track.source.z, s, slot(moment.position + 1u, track.runs_reverse) + item.at);
    }
    if (phase + 1u == phases) { // static
      gradient.d_next[s] = carry[track.place.y + s * row_size + item.at];
    } else {
      gradient.d_state[s] = carry[track.place.y + s * row_size + item.at];
    }
  }
  if (has_output_gradient && phase + 1u == phases) { // static
    gradient.d_next[0] += f32(d_output[track.source.x + moment.t * row_size + item.at]);
  }
  for (var p = norm_parameters; p < parameters; p++) { // unroll
    gradient.parameters[p] = given[track.place.w + parameters_begin + p * hidden_size + item.unit];
  }
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
      has_output_gradient: 'bool',
      d_output_is_half: 'bool',
      projected_stride: 'u32',
    },
  },
  'lib/recurrence-backward-source': {
    name: 'lib/recurrence-backward-source',
    source: `// Recurrence, backward: the gates' gradients that come back through the weights, and their way into workgroup memory.
// Bindings and tile are those of kernels/recurrence-backward.
//! join lib/recurrence-backward-read

// Where the gates' gradients lie that come back through the weights: the last phase receives them through phase 0 of
// the following step, the others through the next phase.
struct Source {
  exists: bool,
  t: u32,
  begin: u32,
}

fn source_of(track: Track, moment: Moment, phase: u32) -> Source {
  let position = select(moment.position + 1u, moment.position, phase + 1u < phases || !moment.is_step);
  let t = time_of(position, track.runs_reverse);
  return Source(position < steps, t, track.place.x + t * batch * gate_size);
}

// What an earlier dispatch has handed on; nothing comes before the last step.
fn carry_old_gradients(track: Track, first_row: u32, local: u32) {
  let next = steps - min(track.walk.x, steps);
  if (next < steps) {
    let begin = track.place.x + time_of(next, track.runs_reverse) * batch * gate_size;
    for (var i = local; i < rows * gates * hidden_size; i += threads) {
      let row = min(first_row + i / (gates * hidden_size), batch - 1u);
      let column = i % (gates * hidden_size);
      carried[i / hidden_size * padded_size + i % hidden_size] = f32(d_recurrent[begin + row * gate_size + column]);
    }
  }
}

// The gradients of some gates into workgroup memory.
fn stage_gradients(first_gate: u32, source_begin: u32, first_row: u32, local: u32) {
  for (var i = local; i < rows * staged_quads; i += threads) {
    let g = min(first_gate + i % staged_quads / hidden_quads, gates - 1u);
    let k = i % hidden_quads * 4u;
    if (carries) { // static
      let begin = (i / staged_quads * gates + g) * padded_size + k;
      staged[i] = vec4f(carried[begin], carried[begin + 1u], carried[begin + 2u], carried[begin + 3u]);
    } else {
      staged[i] = gradient_quad(source_begin + min(first_row + i / staged_quads, batch - 1u) * gate_size + g * hidden_size, k);
    }
  }
}

// A gate's gradient in a unit; zero behind the last unit, where weights are padded.
fn gradient_at(begin: u32, k: u32) -> f32 {
  if (has_tail) { // static
    return select(0.0, f32(d_recurrent[begin + k]), k < hidden_size);
  } else {
    return f32(d_recurrent[begin + k]);
  }
}

fn gradient_quad(begin: u32, k: u32) -> vec4f {
  return vec4f(gradient_at(begin, k), gradient_at(begin, k + 1u), gradient_at(begin, k + 2u), gradient_at(begin, k + 3u));
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
      has_output_gradient: 'bool',
      d_output_is_half: 'bool',
      projected_stride: 'u32',
    },
  },
  'lib/recurrence-backward-sums': {
    name: 'lib/recurrence-backward-sums',
    source: `// Recurrence, backward: the gradients of a tile of states through the weights. Bindings and tile are those
// of kernels/recurrence-backward.
//! join lib/quads
//! join lib/recurrence-backward-source
//! join lib/recurrence-sums

// Whether a thread takes one quad of k after another from memory.
const walks_plainly: bool = !stages && slices == 1u;

fn hold_weights(track: Track, lane: u32, slice: u32) {
  var at = 0u;
  for (var g = 0u; g < gates; g++) {
    for (var q = 0u; q < held_quads; q++) {
      let k4 = min(q * slices + slice, hidden_quads - 1u);
      let is_inside = q * slices + slice < hidden_quads;
      for (var n = 0u; n < units; n++) {
        held[at] = select(vec4f(), vec4f(weight[track.place.z][g][k4][n][lane]), is_inside);
        at++;
      }
    }
  }
}

// The gradients of a tile of states through the weights.
fn sum_tile(acc: ptr<function, array<f32, item_sums>>, phase: u32, source: Source, base: u32, first_row: u32, local: u32, lane: u32, slice: u32,
    longest: u32, track: Track) { // inline
  let next = (phase + 1u) % phases;
  if (multiplies && phase_gates[next] < phase_gates[next + 1u]) { // static
    let exists = source.exists && (!has_lengths || source.t < longest) && (!projects || next > 0u || base < state_size);
    let tile = track.place.z + base / tile_units;
    if (walks_plainly) { // static: a branch around so many sums takes long to build
      multiply(acc, exists, next, tile, source.begin, first_row, local, lane, slice);
    } else {
      if (exists) {
        multiply(acc, true, next, tile, source.begin, first_row, local, lane, slice);
      }
    }
  }
  meet_sums(acc, lane, slice);
}

fn multiply(acc: ptr<function, array<f32, item_sums>>, exists: bool, next: u32, tile: u32, source_begin: u32, first_row: u32, local: u32,
    lane: u32, slice: u32) { // inline
  var row_begin: array<u32, rows>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    row_begin[r] = source_begin + min(first_row + r, batch - 1u) * gate_size;
  }
  if (walks_plainly) { // static: loops in loops around so many sums are built slowly
    const quads = select(hidden_quads, state_quads, next > 0u);
    var g = phase_gates[next];
    var k4 = 0u;
    let count = select(0u, (phase_gates[next + 1u] - phase_gates[next]) * quads, exists);
    for (var i = 0u; i < count; i++) {
      multiply_quad(acc, &row_begin, 0u, g, 0u, k4, true, tile, lane);
      let is_last = k4 + 1u == quads;
      g += select(0u, 1u, is_last);
      k4 = select(k4 + 1u, 0u, is_last);
    }
  } else {
    for (var first_gate = phase_gates[next]; first_gate < phase_gates[next + 1u]; first_gate += staged_gates) {
      if (stages) { // static
        if (!carries || unit_tile > tile_units || staged_gates < gates) { // static: what is staged may still be read
          workgroupBarrier();
        }
        stage_gradients(first_gate, source_begin, first_row, local);
        workgroupBarrier();
      }
      multiply_gates(acc, &row_begin, first_gate, next, tile, lane, slice);
    }
  }
}

// The gates that are staged together: where those are all of a phase, slices walk k in rounds.
fn multiply_gates(acc: ptr<function, array<f32, item_sums>>, row_begin: ptr<function, array<u32, rows>>, first_gate: u32, next: u32, tile: u32,
    lane: u32, slice: u32) { // inline
  if (holds || (stages && slices > 1u && phase_gates[next + 1u] - phase_gates[next] <= staged_gates)) { // static
    if (rounds == 1u) { // static
      multiply_round(acc, row_begin, 0u, next, tile, lane, slice);
    } else {
      for (var round = 0u; round < rounds; round++) {
        multiply_round(acc, row_begin, round, next, tile, lane, slice);
      }
    }
  } else {
    for (var g = first_gate; g < min(first_gate + staged_gates, phase_gates[next + 1u]); g++) {
      for (var k4 = slice; k4 < select(hidden_quads, state_quads, next > 0u); k4 += slices) {
        multiply_quad(acc, row_begin, 0u, g, g - first_gate, k4, true, tile, lane);
      }
    }
  }
}

// A slice's quads of k of a round, of all gates.
fn multiply_round(acc: ptr<function, array<f32, item_sums>>, row_begin: ptr<function, array<u32, rows>>, round: u32, next: u32, tile: u32, lane: u32,
    slice: u32) { // inline
  for (var g = phase_gates[next]; g < phase_gates[next + 1u]; g++) { // unroll
    for (var u = 0u; u < round_quads; u++) { // unroll
      let q4 = (round * round_quads + u) * slices + slice;
      let k4 = min(q4, hidden_quads - 1u);
      let is_inside = q4 < hidden_quads;
      multiply_quad(acc, row_begin, u, g, g - phase_gates[next], k4, is_inside, tile, lane);
    }
  }
}

fn multiply_quad(acc: ptr<function, array<f32, item_sums>>, row_begin: ptr<function, array<u32, rows>>, u: u32, g: u32, staged_gate: u32, k4: u32,
    is_inside: bool, tile: u32, lane: u32) { // inline
  var v: array<vec4f, rows>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    if (stages) { // static
      v[r] = staged[r * staged_quads + staged_gate * hidden_quads + k4];
      if (passes_end) { // static
        v[r] = select(vec4f(), v[r], is_inside);
      }
    } else if (spreads) { // static
      v[r] = swap_quad(gradient_at(row_begin[r] + g * hidden_size, 4u * k4 + (lane & 3u)));
    } else {
      v[r] = gradient_quad(row_begin[r] + g * hidden_size, 4u * k4);
    }
  }
  for (var n = 0u; n < units; n++) { // unroll
    if (u < held_quads) { // splice
      let w = held[(g * held_quads + u) * units + n];
    } else {
      let w = vec4f(weight[tile][g][k4][n][lane]);
    }
    for (var r = 0u; r < rows; r++) { // unroll
      acc[r * units + n] += dot(v[r], w);
    }
  }
}

// An item's gradient through the weights.
fn take_through(through: ptr<function, f32>, sums: ptr<function, array<f32, item_sums>>, i: u32, lane: u32) { // inline
  if (sums_meet) { // static
    *through = add_slices(i, lane);
  } else {
    *through = sums[select(i, 0u, item_sums == 1u)];
  }
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
      has_output_gradient: 'bool',
      d_output_is_half: 'bool',
      projected_stride: 'u32',
    },
  },
  'lib/recurrence-backward-walk': {
    name: 'lib/recurrence-backward-walk',
    source: `// Recurrence, backward: a time step, its phases and the tiles of units of a phase. Bindings and tile are those
// of kernels/recurrence-backward.
//! join lib/recurrence-backward-read
//! join lib/recurrence-backward-keep
//! join lib/recurrence-backward-sums

fn take_step(back: u32, first_row: u32, unit_begin: u32, unit_end: u32, local: u32, lane: u32, slice: u32, longest: u32, track: Track) { // inline
  let moment = moment_of(track, back);
  for (var down = 0u; down < phases; down++) { // unroll
    let phase = phases - 1u - down;
    if (phases == 1u) { // static
      take_phase(phase, first_row, unit_begin, unit_end, local, lane, slice, moment, longest, track);
    } else if (phase >= span.first_phase && phase < span.end_phase && (moment.is_step || down == 0u)) {
      take_phase(phase, first_row, unit_begin, unit_end, local, lane, slice, moment, longest, track);
    }
  }
}

fn take_phase(phase: u32, first_row: u32, unit_begin: u32, unit_end: u32, local: u32, lane: u32, slice: u32, moment: Moment, longest: u32,
    track: Track) { // inline
  let source = source_of(track, moment, phase);
  if (norm_parameters > 0u) { // static
    if (norm_values[phase + 1u] > 0u) { // static: what this phase saved, the next one has normalised
      describe_gradients(local, first_row, track.place.x + moment.t * batch * gate_size, track.place.w + parameters_begin,
        norm_gains[phase + 1u], norm_shifts[phase + 1u], norm_values[phase + 1u]);
    }
  }
  if (reads_early) { // static: there is one tile, and one item
    let item = item_of(slice, unit_begin, first_row, lane, moment, track);
    let is_inside = item.row < batch && item.unit < unit_end && slice < item_sums;
    var gradient: CellGradient;
    if (is_inside && moment.is_step) {
      read_gradient(&gradient, phase, item, moment, track);
    }
    var acc: array<f32, item_sums>; // registers
    sum_tile(&acc, phase, source, unit_begin, first_row, local, lane, slice, longest, track);
    var sums = acc;
    if (is_inside) {
      var through = 0.0;
      take_through(&through, &sums, slice, lane);
      mask_through(&through, phase, item, track);
      if (moment.is_step) {
        finish_gradient(&gradient, through, slice, phase, item, moment, track);
      } else {
        carry[track.place.y + item.at] += through;
      }
    }
  } else if (unit_tile <= tile_units) { // static: a loop around so much code takes long to build
    take_tile(phase, source, unit_begin, unit_end, first_row, local, lane, slice, moment, longest, track);
  } else {
    var base = unit_begin;
    loop {
      take_tile(phase, source, base, unit_end, first_row, local, lane, slice, moment, longest, track);
      continuing {
        base += tile_units;
        break if base >= unit_end;
      }
    }
  }
  if (carries) { // static
    workgroupBarrier();
  } else if (waits) { // static
    storageBarrier();
  }
}

fn take_tile(phase: u32, source: Source, base: u32, unit_end: u32, first_row: u32, local: u32, lane: u32, slice: u32, moment: Moment, longest: u32,
    track: Track) { // inline
  var acc: array<f32, item_sums>; // registers
  sum_tile(&acc, phase, source, base, first_row, local, lane, slice, longest, track);
  var sums = acc;
  var i = slice;
  loop {
    let item = item_of(i, base, first_row, lane, moment, track);
    if (item.row < batch && item.unit < unit_end && (slices <= item_sums || i < item_sums)) {
      var through = 0.0;
      take_through(&through, &sums, i, lane);
      mask_through(&through, phase, item, track);
      if (!moment.is_step) {
        carry[track.place.y + item.at] += through;
      } else if (norm_parameters > 0u && phase_gates[phase] < phase_gates[phase + 1u]) { // static: products, no cell step
        finish_products(i, phase, item, track);
      } else {
        var gradient: CellGradient;
        read_gradient(&gradient, phase, item, moment, track);
        finish_gradient(&gradient, through, i, phase, item, moment, track);
      }
    }
    continuing {
      i += slices;
      break if i >= item_sums;
    }
  }
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
      has_output_gradient: 'bool',
      d_output_is_half: 'bool',
      projected_stride: 'u32',
    },
  },
  'lib/recurrence-cell': {
    name: 'lib/recurrence-cell',
    source: `// A time step of a recurrence whose products another launch has computed. The kernel declares \`span\` and \`take_phase\`.

const products_stride: u32 = 0u; // specialize: from one track's products to the next one's

fn products_of(track: Track) -> u32 {
  return track.place.z / tiles * products_stride;
}

// The phase that the span says.
fn take_step(first_row: u32, unit_begin: u32, unit_end: u32, lane: u32, track: Track) { // inline
  let moment = moment_of(track, track.walk.x);
  for (var phase = 0u; phase < phases; phase++) { // unroll
    if (phases == 1u) { // static
      take_phase(phase, first_row, unit_begin, unit_end, lane, moment, track);
    } else if (phase == span.first_phase) {
      take_phase(phase, first_row, unit_begin, unit_end, lane, moment, track);
    }
  }
}
`,
    constants: {
      products_stride: 'u32',
    },
  },
  'lib/recurrence-forward-keep': {
    name: 'lib/recurrence-forward-keep',
    source: `// Recurrence, forward: the cell step itself, and what is kept of it. Bindings and tile are those of
// kernels/recurrence-forward or kernels/recurrence-forward-cell.
//! join lib/normalize
//! join lib/recurrence-forward-read

// Copies the given state into the history.
fn keep_first_state(track: Track, first_row: u32, unit_begin: u32, unit_end: u32, lane: u32, slice: u32) { // inline
  let to = slot(0u, track.runs_reverse);
  for (var unit = unit_begin + lane; unit < unit_end; unit += lanes) {
    for (var r = slice; r < rows; r += slices) {
      if (first_row + r < batch) {
        let at = (first_row + r) * hidden_size + unit;
        for (var s = 0u; s < states; s++) {
          keep_state(track.place.x, s, to + at, given[track.source.y + s * row_size + at]);
        }
        if (has_mask) { // static
          keep_masked(track.place.x, to + at, given[track.source.y + at] * given[track.place.w + mask_begin + at]);
        }
      }
    }
  }
}

// Does the cell step, whose sums are in it, and keeps what it gives.
fn finish_step(step: ptr<function, CellStep>, i: u32, phase: u32, item: Item, moment: Moment, track: Track) { // inline
  if (norm_parameters > 0u) { // static
    if (norm_values[phase] > 0u) { // static
      normalize_step(step, i, phase, item, track);
    }
  }
  *step = cell_forward(phase, *step);
  if (has_zoneout) { // static
    for (var s = 0u; s < states; s++) { // unroll
      let share = given[track.place.w + zoneout_begin + (s * steps + moment.t) * row_size + item.at];
      step.next[s] = select(mix(step.state[s], step.next[s], share), step.state[s], share == 0.0);
    }
  }
  if (has_lengths) { // static
    if (moment.t >= bitcast<u32>(given[track.place.w + item.row])) {
      *step = hold_state(*step);
    }
  }
  for (var v = 0u; v < saved_values; v++) { // unroll
    if (saved_phase[v] == phase && (keeps_saved || phase + 1u < phases)) { // static
      saved[item.saved_at + v * hidden_size] = to_number(step.saved[v]);
    }
  }
  for (var s = 0u; s < states; s++) { // unroll
    if (state_phase[s] == phase) { // static
      keep_state(track.place.x, s, moment.after + item.at, step.next[s]);
    }
  }
  hand_on(step, i, phase, item, moment, track);
}

// Replaces products, or the vector, of the phase before by what normalising them gives.
fn normalize_step(step: ptr<function, CellStep>, i: u32, phase: u32, item: Item, track: Track) { // inline
  let own = row_statistics[i / units];
  step.saved[norm_statistics[phase]] = own.x;
  step.saved[norm_statistics[phase] + 1u] = own.y;
  for (var v = 0u; v < norm_values[phase]; v++) { // unroll
    let normal = (step.saved[norm_saved[phase] + v] - own.x) * own.y;
    let gain = bias[track.source.z + (gates + norm_gains[phase] + v) * hidden_size + item.unit];
    let value = gain * normal + bias[track.source.z + (gates + norm_shifts[phase] + v) * hidden_size + item.unit];
    if (phase_gates[phase - 1u] < phase_gates[phase]) { // static
      step.u[phase_gates[phase - 1u] + v] = value;
    } else {
      step.vector = value;
    }
  }
}

// What the next product multiplies: the new h, masked where there is a mask, or a phase's vector.
fn hand_on(step: ptr<function, CellStep>, i: u32, phase: u32, item: Item, moment: Moment, track: Track) { // inline
  var multiplied = step.next[0];
  if (has_mask) { // static
    let factor = given[track.place.w + mask_begin + item.at];
    if (phase + 1u == phases) { // static
      multiplied *= factor;
      keep_masked(track.place.x, moment.after + item.at, multiplied);
    } else if (masks_vector) {
      step.vector *= factor;
    }
  }
  if (phase >= first_vector && phase + 1u < phases) { // static
    history[track.place.x + vector_begin_of(phase) + moment.after + item.at] = to_number(step.vector);
  }
  if (carries) { // static
    if (phase + 1u == phases) { // static
      carried[i / units * padded_size + item.unit] = f32(to_number(multiplied));
    } else if (phase >= first_vector) { // static
      carried[i / units * padded_size + item.unit] = f32(to_number(step.vector));
    }
  }
}

fn keep_state(origin: u32, s: u32, at: u32, value: f32) {
  let begin = state_place(origin, s, at);
  let kept = to_number(value);
  history[begin] = kept;
  if (is_half) { // static
    if (s > 0u) {
      history[begin + 1u] = to_number(value - f32(kept));
    }
  }
}

// Keeps the h that the recurrent matmul is to read.
fn keep_masked(origin: u32, at: u32, value: f32) {
  history[origin + vector_begin_of(masked_phase) + at] = to_number(value);
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
      keeps_saved: 'bool',
      gathers: 'bool',
      row_step: 'u32',
      unit_step: 'u32',
      projected_is_half: 'bool',
    },
  },
  'lib/recurrence-forward-read': {
    name: 'lib/recurrence-forward-read',
    source: `// Recurrence, forward: what a cell step reads but for its sums. Bindings and tile are those of
// kernels/recurrence-forward or kernels/recurrence-forward-cell.
// projected [T, B, input_gates, H], or a table [table_rows, input_gates, H] with a row for each token (one-hot inputs:
// no projected input is ever built) where \`gathers\` and the span has table_rows, with tokens [T, B] i32 and input_bias
// [input_gates, H]; both are zeros where it \`gathers\` and the span has none.
//! join lib/cell-step
//! join lib/recurrence-track

struct Span {
  first_phase: u32,
  end_phase: u32,
  table_rows: u32,
  // Of each of four tracks: first position in processing order, number of steps, 1: copy the initial state
  // into the history first, 1: walk back in time.
  walk_0: vec4u, walk_1: vec4u, walk_2: vec4u, walk_3: vec4u,
  // Where it begins in projected, given, bias, input_bias.
  source_0: vec4u, source_1: vec4u, source_2: vec4u, source_3: vec4u,
  // … in history, saved, weight (in tiles), and its extras in given.
  place_0: vec4u, place_1: vec4u, place_2: vec4u, place_3: vec4u,
}

const keeps_saved: bool = true; // specialize
const gathers: bool = false; // specialize
const row_step: u32 = 8u; // specialize: from a row of projected to the next
const unit_step: u32 = 1u; // specialize: from a number of a row to the next
const projected_is_half: bool = false; // specialize
alias projected_number = f32; // f16: projected_is_half

// A single step reads its state where it is given: workgroups that share its units need not wait until it has
// been copied into the history.
const starts_alone: bool = steps == 1u && !has_mask;
const saved_size: u32 = batch * saved_values * hidden_size;

// A thread that has one cell step at most reads what that needs before it multiplies, and waits for it less.
const reads_early: bool = carries && rows * units <= slices && unit_tile <= tile_units && phases == 1u;

// A time step: its position in processing order, its time, where the states before and after it lie in their sections
// and what it saves.
struct Moment {
  position: u32,
  t: u32,
  before: u32,
  after: u32,
  saved_begin: u32,
}

fn moment_of(track: Track, position: u32) -> Moment {
  let t = time_of(position, track.runs_reverse);
  let saved_begin = track.place.y + select(0u, t * saved_size, keeps_saved);
  return Moment(position, t, slot(position, track.runs_reverse), slot(position + 1u, track.runs_reverse), saved_begin);
}

// A unit of a row: where it lies in a state and in what its step saves.
struct Item {
  row: u32,
  unit: u32,
  at: u32,
  saved_at: u32,
}

fn item_of(i: u32, base: u32, first_row: u32, lane: u32, moment: Moment) -> Item {
  let row = first_row + i / units;
  let unit = base + i % units * lanes + lane;
  return Item(row, unit, row * hidden_size + unit, moment.saved_begin + row * saved_values * hidden_size + unit);
}

// What is added to the product of a gate.
fn bias_of(track: Track, g: u32, unit: u32) -> f32 {
  var b = bias[track.source.z + g * hidden_size + unit];
  if (gathers && !gradients_apart) { // static: the two biases only ever occur as a sum
    b += input_bias[track.source.w + g * hidden_size + unit];
  }
  return b;
}

// Reads what a cell step needs but for its sums.
fn read_step(step: ptr<function, CellStep>, next_token: ptr<function, u32>, phase: u32, item: Item, moment: Moment, track: Track) { // inline
  var source_row = moment.t * batch + item.row;
  var is_void = false; // a token outside the table: its row becomes NaN, and training stops
  if (gathers) { // static
    if (reads_early) { // splice
      let token = *next_token;
      *next_token = u32(tokens[time_of(min(moment.position + 1u, steps - 1u), track.runs_reverse) * batch + item.row]);
    } else {
      let token = u32(tokens[source_row]);
    }
    is_void = span.table_rows > 0u && token >= span.table_rows;
    source_row = select(source_row, min(token, span.table_rows - 1u), span.table_rows > 0u);
  }
  let projected_at = track.source.x + source_row * row_step + item.unit * unit_step;
  for (var g = phase_gates[max(phase, input_lag) - input_lag]; g < phase_gates[phase + 1u - min(phase + 1u, input_lag)]; g++) { // unroll
    if (g < input_gates) { // static
      step.x[g] = f32(projected[projected_at + g * hidden_size * unit_step]);
      if (gathers && gradients_apart) { // static
        step.x[g] += input_bias[track.source.w + g * hidden_size + item.unit];
      }
      if (gathers) { // static
        step.x[g] = bitcast<f32>(select(bitcast<u32>(step.x[g]), 0x7fc00000u, is_void));
      }
    }
  }
  for (var p = norm_parameters; p < parameters; p++) { // unroll
    step.parameters[p] = bias[track.source.z + (gates + p) * hidden_size + item.unit];
  }
  for (var s = 0u; s < states; s++) { // unroll
    if (forward_reads_state[s] || needs_states) { // static
      if (starts_alone) { // static
        step.state[s] = given[track.source.y + s * row_size + item.at];
      } else {
        step.state[s] = state_of(track.place.x, s, moment.before + item.at);
      }
    }
  }
  for (var v = 0u; v < saved_values; v++) { // unroll
    if (saved_phase[v] < phase) { // static
      step.saved[v] = f32(saved[item.saved_at + v * hidden_size]);
    }
  }
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
      keeps_saved: 'bool',
      gathers: 'bool',
      row_step: 'u32',
      unit_step: 'u32',
      projected_is_half: 'bool',
    },
  },
  'lib/recurrence-forward-sums': {
    name: 'lib/recurrence-forward-sums',
    source: `// Recurrence, forward: the sums of a time step's gates, of a tile of units. Bindings and tile are those
// of kernels/recurrence-forward.
//! join lib/quads
//! join lib/recurrence-forward-vector
//! join lib/recurrence-sums

fn hold_weights(track: Track, lane: u32, slice: u32) {
  // k innermost: a row of the weights is read from front to back.
  for (var n = 0u; n < units; n++) {
    for (var g = 0u; g < gates; g++) {
      for (var q = 0u; q < held_quads; q++) {
        let k4 = min(q * slices + slice, hidden_quads - 1u);
        let is_inside = q * slices + slice < hidden_quads;
        held[(q * units + n) * gates + g] = select(vec4f(), vec4f(weight[track.place.z][k4][g][n][lane]), is_inside);
      }
    }
  }
  for (var n = 0u; n < units; n++) {
    for (var g = 0u; g < gates; g++) {
      held_bias[n * gates + g] = select(0.0, bias_of(track, g, min(n * lanes + lane, hidden_size - 1u)), slice == 0u);
    }
  }
}

// The sums of a tile of units, whole in workgroup memory or in the thread that needs them.
fn sum_tile(acc: ptr<function, array<f32, item_sums>>, phase: u32, vector_begin: u32, base: u32, first_row: u32, lane: u32, slice: u32,
    moment: Moment, longest: u32, track: Track) { // inline
  for (var n = 0u; n < units; n++) { // unroll
    let unit = min(base + n * lanes + lane, hidden_size - 1u);
    for (var g = phase_gates[phase]; g < phase_gates[phase + 1u]; g++) { // unroll
      var b = 0.0;
      if (holds) { // static
        b = held_bias[n * gates + g];
      } else {
        b = bias_of(track, g, unit);
        if (slices > 1u) { // static
          b = select(0.0, b, slice == 0u);
        }
      }
      for (var r = 0u; r < rows; r++) { // unroll
        acc[(r * units + n) * gates + g] = b;
      }
    }
  }
  if (multiplies && phase_gates[phase] < phase_gates[phase + 1u]) { // static
    if ((!has_lengths || moment.t < longest) && (!projects || phase == 0u || base < state_size)) {
      multiply(acc, phase, track.place.z + base / tile_units, vector_begin, first_row, lane, slice);
    }
  }
  meet_sums(acc, lane, slice);
}

fn multiply(acc: ptr<function, array<f32, item_sums>>, phase: u32, tile: u32, vector_begin: u32, first_row: u32, lane: u32, slice: u32) { // inline
  var row_begin: array<u32, rows>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    row_begin[r] = vector_begin + min(first_row + r, batch - 1u) * hidden_size;
  }
  if (rounds == 1u) { // static
    multiply_round(acc, &row_begin, 0u, phase, tile, lane, slice);
  } else {
    for (var round = 0u; round < select(rounds, state_rounds, phase == 0u); round++) {
      multiply_round(acc, &row_begin, round, phase, tile, lane, slice);
    }
  }
}

fn multiply_round(acc: ptr<function, array<f32, item_sums>>, row_begin: ptr<function, array<u32, rows>>, round: u32, phase: u32, tile: u32,
    lane: u32, slice: u32) { // inline
  for (var u = 0u; u < round_quads; u++) { // unroll
    if (slices == 1u) { // splice
      let k4 = round;
    } else {
      let q4 = (round * round_quads + u) * slices + slice;
      let k4 = min(q4, hidden_quads - 1u);
    }
    var v: array<vec4f, rows>; // registers
    for (var r = 0u; r < rows; r++) { // unroll
      if (stages) { // static
        v[r] = staged[r * hidden_quads + k4];
        if (passes_end) { // static
          v[r] = select(vec4f(), v[r], q4 < hidden_quads);
        }
      } else if (spreads) { // static
        v[r] = swap_quad(vector_at(phase, row_begin[r], 4u * k4 + (lane & 3u)));
      } else {
        v[r] = vector_quad(phase, row_begin[r], 4u * k4);
      }
    }
    for (var n = 0u; n < units; n++) { // unroll
      for (var g = phase_gates[phase]; g < phase_gates[phase + 1u]; g++) { // unroll
        if (u < held_quads) { // splice
          let w = held[(u * units + n) * gates + g];
        } else {
          let w = vec4f(weight[tile][k4][g][n][lane]);
        }
        for (var r = 0u; r < rows; r++) { // unroll
          acc[(r * units + n) * gates + g] += dot(v[r], w);
        }
      }
    }
  }
}

// The sums of a cell step.
fn take_sums(step: ptr<function, CellStep>, sums: ptr<function, array<f32, item_sums>>, i: u32, phase: u32, lane: u32) { // inline
  for (var g = phase_gates[max(phase, input_lag) - input_lag]; g < phase_gates[phase + 1u - min(phase + 1u, input_lag)]; g++) { // unroll
    if (sums_meet) { // static
      step.u[g] = add_slices(i * gates + g, lane);
    } else {
      step.u[g] = sums[select(i, 0u, rows * units == 1u) * gates + g];
    }
  }
}

// Products that the next phase normalises.
fn keep_products(sums: ptr<function, array<f32, item_sums>>, i: u32, phase: u32, item: Item, lane: u32, moment: Moment, track: Track) { // inline
  for (var g = phase_gates[phase]; g < phase_gates[phase + 1u]; g++) { // unroll
    var product = sums[i * gates + g];
    if (sums_meet) { // static
      product = add_slices(i * gates + g, lane);
    }
    if (has_lengths) { // static
      product = select(0.0, product, moment.t < bitcast<u32>(given[track.place.w + item.row]));
    }
    saved[item.saved_at + (norm_saved[phase + 1u] + g - phase_gates[phase]) * hidden_size] = to_number(product);
  }
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
      keeps_saved: 'bool',
      gathers: 'bool',
      row_step: 'u32',
      unit_step: 'u32',
      projected_is_half: 'bool',
    },
  },
  'lib/recurrence-forward-vector': {
    name: 'lib/recurrence-forward-vector',
    source: `// Recurrence, forward: the vector that a phase multiplies, and its way into workgroup memory. Bindings and tile are those
// of kernels/recurrence-forward.
//! join lib/recurrence-forward-read

// What an earlier dispatch has handed on.
fn carry_old_state(track: Track, first_row: u32, local: u32) {
  let begin = track.place.x + select(0u, vector_begin_of(masked_phase), has_mask) + slot(track.walk.x, track.runs_reverse);
  for (var i = local; i < rows * hidden_size; i += threads) {
    let row = min(first_row + i / hidden_size, batch - 1u);
    carried[i / hidden_size * padded_size + i % hidden_size] = f32(history[begin + row * hidden_size + i % hidden_size]);
  }
}

// Where the vector begins that a phase multiplies: the old state, behind phase 0 what the phase before has made.
fn vector_of(track: Track, moment: Moment, phase: u32) -> u32 {
  var old = select(track.place.x + moment.before, track.source.y, starts_alone);
  if (has_mask) { // static
    old = track.place.x + vector_begin_of(masked_phase) + moment.before;
  }
  return select(track.place.x + vector_begin_of(phase) - section_size + moment.after, old, phase == 0u);
}

// A number of the vector; zero behind its end, where weights are padded.
fn vector_at(phase: u32, begin: u32, k: u32) -> f32 {
  if (starts_alone) { // static
    if (phase == 0u) {
      return select(0.0, given[begin + k], !has_tail || k < hidden_size);
    }
  }
  if (has_tail) { // static
    return select(0.0, f32(history[begin + k]), k < hidden_size);
  } else {
    return f32(history[begin + k]);
  }
}

fn vector_quad(phase: u32, begin: u32, k: u32) -> vec4f {
  return vec4f(vector_at(phase, begin, k), vector_at(phase, begin, k + 1u), vector_at(phase, begin, k + 2u), vector_at(phase, begin, k + 3u));
}

// Brings what a phase multiplies into workgroup memory, where it \`stages\`.
fn stage_vector(phase: u32, vector_begin: u32, first_row: u32, local: u32) { // inline
  if (stages && phase_gates[phase] < phase_gates[phase + 1u]) { // static
    var i = local;
    loop {
      if (threads <= rows * hidden_quads || i < rows * hidden_quads) {
        if (carries) { // static
          staged[i] = vec4f(carried[4u * i], carried[4u * i + 1u], carried[4u * i + 2u], carried[4u * i + 3u]);
        } else {
          let begin = vector_begin + min(first_row + i / hidden_quads, batch - 1u) * hidden_size;
          staged[i] = vector_quad(phase, begin, i % hidden_quads * 4u);
        }
      }
      continuing {
        i += threads;
        break if i >= rows * hidden_quads;
      }
    }
    workgroupBarrier();
  }
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
      keeps_saved: 'bool',
      gathers: 'bool',
      row_step: 'u32',
      unit_step: 'u32',
      projected_is_half: 'bool',
    },
  },
  'lib/recurrence-forward-walk': {
    name: 'lib/recurrence-forward-walk',
    source: `// Recurrence, forward: a time step, its phases and the tiles of units of a phase. Bindings and tile are those
// of kernels/recurrence-forward.
//! join lib/recurrence-forward-read
//! join lib/recurrence-forward-keep
//! join lib/recurrence-forward-sums

fn take_step(next_token: ptr<function, u32>, position: u32, first_row: u32, unit_begin: u32, unit_end: u32, local: u32, lane: u32, slice: u32,
    longest: u32, track: Track) { // inline
  let moment = moment_of(track, position);
  for (var phase = 0u; phase < phases; phase++) { // unroll
    if (phases == 1u) { // static
      take_phase(next_token, phase, first_row, unit_begin, unit_end, local, lane, slice, moment, longest, track);
    } else if (phase >= span.first_phase && phase < span.end_phase) {
      take_phase(next_token, phase, first_row, unit_begin, unit_end, local, lane, slice, moment, longest, track);
    }
  }
}

fn take_phase(next_token: ptr<function, u32>, phase: u32, first_row: u32, unit_begin: u32, unit_end: u32, local: u32, lane: u32, slice: u32,
    moment: Moment, longest: u32, track: Track) { // inline
  let vector_begin = vector_of(track, moment, phase);
  if (reads_early) { // static: there is one tile, and one item
    let item = item_of(slice, unit_begin, first_row, lane, moment);
    let is_inside = item.row < batch && item.unit < unit_end && slice < rows * units;
    var step: CellStep;
    if (is_inside) {
      read_step(&step, next_token, phase, item, moment, track);
    }
    stage_vector(phase, vector_begin, first_row, local);
    var acc: array<f32, item_sums>; // registers
    sum_tile(&acc, phase, vector_begin, unit_begin, first_row, lane, slice, moment, longest, track);
    var sums = acc;
    if (is_inside) {
      take_sums(&step, &sums, slice, phase, lane);
      finish_step(&step, slice, phase, item, moment, track);
    }
  } else {
    stage_vector(phase, vector_begin, first_row, local);
    if (norm_parameters > 0u) { // static
      if (norm_values[phase] > 0u) { // static
        describe_rows(local, first_row, moment.saved_begin, norm_saved[phase], norm_values[phase]);
      }
    }
    if (unit_tile <= tile_units) { // static: a loop around so much code takes long to build
      take_tile(next_token, phase, vector_begin, unit_begin, unit_end, first_row, lane, slice, moment, longest, track);
    } else {
      var base = unit_begin;
      loop {
        take_tile(next_token, phase, vector_begin, base, unit_end, first_row, lane, slice, moment, longest, track);
        continuing {
          base += tile_units;
          break if base >= unit_end;
        }
      }
    }
  }
  if (carries) { // static
    workgroupBarrier();
  } else if (waits && (steps > 1u || phase + 1u < phases)) { // static: behind a single step the dispatch ends
    storageBarrier();
  }
}

fn take_tile(next_token: ptr<function, u32>, phase: u32, vector_begin: u32, base: u32, unit_end: u32, first_row: u32, lane: u32, slice: u32,
    moment: Moment, longest: u32, track: Track) { // inline
  var acc: array<f32, item_sums>; // registers
  sum_tile(&acc, phase, vector_begin, base, first_row, lane, slice, moment, longest, track);
  var sums = acc;
  var i = slice;
  loop {
    let item = item_of(i, base, first_row, lane, moment);
    if (item.row < batch && item.unit < unit_end && (slices <= rows * units || i < rows * units)) {
      if (norm_parameters > 0u && phase_gates[phase] < phase_gates[phase + 1u]) { // static
        keep_products(&sums, i, phase, item, lane, moment, track);
      } else {
        var step: CellStep;
        read_step(&step, next_token, phase, item, moment, track);
        take_sums(&step, &sums, i, phase, lane);
        finish_step(&step, i, phase, item, moment, track);
      }
    }
    continuing {
      i += slices;
      break if i >= rows * units;
    }
  }
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
      keeps_saved: 'bool',
      gathers: 'bool',
      row_step: 'u32',
      unit_step: 'u32',
      projected_is_half: 'bool',
    },
  },
  'lib/recurrence-sums': {
    name: 'lib/recurrence-sums',
    source: `// How the slices of a recurrence's sums meet. The kernel declares \`item_sums\`, the sums of a thread.
//! join lib/quads
//! join lib/recurrence

// Whether they meet in workgroup memory: a quad that holds its weights swaps them.
const sums_meet: bool = slices > 1u && !holds;

var<workgroup> sliced: array<f32, slices * item_sums * lanes>;

// Adds up the slices' sums, or leaves them to \`add_slices\`. One barrier where they meet, one before it where sums of
// the tile before may still be read. One copy of the cell then serves all sums: its code is long, and pipelines
// are built faster.
fn meet_sums(acc: ptr<function, array<f32, item_sums>>, lane: u32, slice: u32) { // inline
  if (sums_meet) { // static
    if (unit_tile > tile_units) { // static
      workgroupBarrier();
    }
    for (var i = 0u; i < item_sums; i++) { // unroll
      sliced[(slice * item_sums + i) * lanes + lane] = acc[i];
    }
    workgroupBarrier();
  } else if (holds) { // static
    for (var i = 0u; i < item_sums; i++) { // unroll
      acc[i] = sum_quad(acc[i]);
    }
  }
}

fn add_slices(i: u32, lane: u32) -> f32 {
  var sum = 0.0;
  for (var part = 0u; part < slices; part++) { // unroll
    sum += sliced[(part * item_sums + i) * lanes + lane];
  }
  return sum;
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
    },
  },
  'lib/recurrence-track': {
    name: 'lib/recurrence-track',
    source: `// A recurrence's track, which one of those that share a dispatch a workgroup walks, and its way through time. The
// kernel declares \`span\` and \`given\`.
//! join lib/recurrence

// A track's parts of the span, which the kernel declares.
struct Track {
  walk: vec4u,
  source: vec4u,
  place: vec4u,
  runs_reverse: bool,
}

fn track_of(index: u32) -> Track {
  var walk = span.walk_0;
  var source = span.source_0;
  var place = span.place_0;
  if (tracks > 1u) { // static
    walk = of_track(index, walk, span.walk_1, span.walk_2, span.walk_3);
    source = of_track(index, source, span.source_1, span.source_2, span.source_3);
    place = of_track(index, place, span.place_1, span.place_2, span.place_3);
  }
  return Track(walk, source, place, walk.w == 1u);
}

// What a track has of four; chosen without an index, for which a compiler would copy the uniform.
fn of_track(track: u32, first: vec4u, second: vec4u, third: vec4u, fourth: vec4u) -> vec4u {
  return select(select(first, second, track == 1u), select(third, fourth, track == 3u), track > 1u);
}

// Steps of the longest of a workgroup's rows: behind the end of all rows there is nothing to multiply.
fn longest_of(track: Track, first_row: u32) -> u32 {
  if (has_lengths) { // static
    var longest = 0u;
    for (var r = 0u; r < rows; r++) {
      longest = max(longest, bitcast<u32>(given[track.place.w + min(first_row + r, batch - 1u)]));
    }
    return longest;
  } else {
    return steps;
  }
}

// Time of a position in processing order.
fn time_of(position: u32, runs_reverse: bool) -> u32 {
  return select(position, steps - 1u - position, runs_reverse);
}

// Where the state after processing \`position\` steps lies in a section.
fn slot(position: u32, runs_reverse: bool) -> u32 {
  return select(y_origin + position * row_size - row_size, (steps - position) * row_size, runs_reverse);
}
`,
    constants: {
      steps: 'u32',
      batch: 'u32',
      hidden_size: 'u32',
      state_size: 'u32',
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      slices: 'u32',
      held_quads: 'u32',
      carries: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
      has_lengths: 'bool',
      has_mask: 'bool',
      has_zoneout: 'bool',
    },
  },
  'lib/row-sums': {
    name: 'lib/row-sums',
    source: `// Sums over a row whose elements are spread over row_threads neighbouring threads of a workgroup of 64.

const row_threads: u32 = 1u; // specialize

var<workgroup> row_parts: array<f32, 64>;

// The sum of the row's parts, in every thread of the row. All threads of the workgroup call it together.
// Barriers: one to begin, since row_parts may still be read, and one behind each of the six halvings.
fn sum_over_row(lane: u32, own: f32) -> f32 {
  if (row_threads == 1u) { // static
    return own;
  } else {
    let part = lane % row_threads;
    workgroupBarrier();
    row_parts[lane] = own;
    for (var half = row_threads / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (part < half) {
        row_parts[lane] += row_parts[lane + half];
      }
    }
    workgroupBarrier();
    return row_parts[lane - part];
  }
}
`,
    constants: {
      row_threads: 'u32',
    },
  },
  'lib/sampling': {
    name: 'lib/sampling',
    source: `// What sampling needs of numbers: floats compared as integers, and Gumbel noise. The mirror of
// src/training/sampling-reference.ts.
//! join lib/random

// Floats in the order of unsigned integers.
fn ordered(bits: u32) -> u32 {
  if ((bits & 0x80000000u) != 0u) {
    return select(~bits, 0x80000000u, bits == 0x80000000u);
  }
  return bits | 0x80000000u;
}

// The float of a key; an infinity or NaN becomes the largest float of its sign.
fn value_of(key: u32) -> f32 {
  let bits = select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u);
  return bitcast<f32>(select(bits, (bits & 0x80000000u) | 0x7f7fffffu, (bits & 0x7f800000u) == 0x7f800000u));
}

// log(x) for 2^-24 <= x < 17: WGSL's own loses its digits near 1, where the largest noise comes from.
fn accurate_log(x: f32) -> f32 {
  let parts = frexp(x);
  let is_low = parts.fract < 0.70710678;
  let mantissa = select(parts.fract, 2.0 * parts.fract, is_low);
  let exponent = f32(select(parts.exp, parts.exp - 1, is_low));
  let t = (mantissa - 1.0) / (mantissa + 1.0);
  let s = t * t;
  let series = 1.0 + s * (1.0 / 3.0 + s * (0.2 + s * (1.0 / 7.0 + s * (1.0 / 9.0))));
  return exponent * 0.69314718056 + 2.0 * t * series;
}

// Standard Gumbel noise from a random word. The uniform number is odd · 2^-24: exact, never 0 and never 1.
fn gumbel(word: u32) -> f32 {
  let u = f32((word >> 8u) | 1u) * 0x1p-24;
  return -accurate_log(-accurate_log(u));
}
`,
    constants: {},
  },
  'lib/sampling-threads': {
    name: 'lib/sampling-threads',
    source: `// What the threads of a workgroup find together among logits. Bindings are those of kernels/sample-token.
//! join lib/sampling

const digits: u32 = 16u;
const passes: u32 = 8u;

// How many logits have each digit, in each pass of two searches; zero where none has begun.
var<workgroup> digit_counts: array<atomic<u32>, 2u * passes * digits>;
var<workgroup> largest_keys: array<atomic<u32>, 2>;
var<workgroup> first_indices: array<atomic<u32>, 2>;

struct Candidate {
  key: u32,
  index: u32,
}

// A value that was searched for by its rank.
struct Ranked {
  value: u32,
  rank: u32,    // among those equal to it, from 1 on
  equal: u32,   // how many those are
}

// The rank-th largest of the keys, or, in search 1, of the inverted indices of the tokens with key \`among\`: their
// rank-th by index.
fn find_ranked(lane: u32, search: u32, among: u32, rank: u32) -> Ranked {
  var result = Ranked(0u, rank, 0u);
  for (var at = 0u; at < passes; at++) {
    let begin = (search * passes + at) * digits;
    let shift = 4u * (passes - 1u - at);
    for (var index = lane; index < arrayLength(&logits); index += threads) {
      let key = ordered(logits[index]);
      let value = select(key, select(0u, ~index, key == among), search == 1u);
      let digit = (value ^ result.value) >> shift;
      if (digit < digits) {
        atomicAdd(&digit_counts[begin + digit], 1u);
      }
    }
    if (threads > 1u) { // static
      workgroupBarrier();
    }
    // From the largest digit down, until there are enough.
    var digit = digits - 1u;
    result.equal = atomicLoad(&digit_counts[begin + digit]);
    while (digit > 0u && result.equal < result.rank) {
      result.rank -= result.equal;
      digit -= 1u;
      result.equal = atomicLoad(&digit_counts[begin + digit]);
    }
    result.value |= digit << shift;
  }
  return result;
}

// Makes room for the next token's searches.
fn forget_counts(lane: u32) {
  for (var i = lane; i < 2u * passes * digits; i += threads) {
    atomicStore(&digit_counts[i], 0u);
  }
}

// The largest of the threads' candidates in search 0 or 1; of equal ones the lowest index.
fn keep_largest(search: u32, key: u32, index: u32) -> Candidate {
  if (threads == 1u) { // static
    return Candidate(key, index);
  } else {
    atomicMax(&largest_keys[search], key);
    workgroupBarrier();
    let largest = atomicLoad(&largest_keys[search]);
    if (key == largest) {
      atomicMin(&first_indices[search], index);
    }
    workgroupBarrier();
    return Candidate(largest, atomicLoad(&first_indices[search]));
  }
}
`,
    constants: {},
  },
  'lib/scan': {
    name: 'lib/scan',
    source: `// What the scan kernels share: sizes, how a workgroup is laid over time, and the carry from chunk to chunk.
//
// A step of a sequence (a unit of a batch row) is h' = a h + b; two steps in a row are a step again, with
// (a1, b1) then (a2, b2) = (a2 a1, a2 b1 + b2). A workgroup owns \`lanes\` sequences and walks through time in
// blocks of \`chunks\` chunks of \`chunk_steps\` steps, a thread per sequence and chunk: each combines its steps, all
// look up the state in front of their chunk, each applies its steps. So inputs are read once, outputs written
// once, by one dispatch. With one chunk there is nothing to combine and no barrier.
// \`gates\` is a constant of the joined cell; kernels bind \`lengths\` [B] and \`span\`, which says how many steps
// there are, so that one pipeline serves sequences of any length.
//! join lib/half

const batch: u32 = 4u; // specialize
const hidden_size: u32 = 8u; // specialize
const lanes: u32 = 16u; // specialize
const chunks: u32 = 4u; // specialize
const chunk_steps: u32 = 4u; // specialize
const runs_reverse: bool = false; // specialize
const has_lengths: bool = false; // specialize
const projected_is_half: bool = false; // specialize
const y_is_half: bool = false; // specialize
alias projected_number = f32; // f16: projected_is_half
alias y_number = f32; // f16: y_is_half

const threads: u32 = lanes * chunks;
const block_steps: u32 = chunks * chunk_steps;
const row_size: u32 = batch * hidden_size;

// Each block's steps of a whole chunk as one (a, b); two halves in turn, so that one barrier a block is enough.
var<workgroup> totals: array<vec2f, 2u * threads>;

// The state in front of this thread's chunk, and the one behind the block.
fn carry_over(block: u32, local: u32, state: f32, total: vec2f) -> vec2f {
  let half_begin = block % 2u * threads;
  totals[half_begin + local] = total;
  workgroupBarrier();
  var own = state;
  var behind = state;
  for (var chunk = 0u; chunk < chunks; chunk++) {
    own = select(own, behind, chunk == local / lanes);
    let step = totals[half_begin + chunk * lanes + local % lanes];
    behind = step.x * behind + step.y;
  }
  return vec2f(own, behind);
}

// Whether a time step is one of a sequence, and not in the padding of its row: that leaves the state as it is.
fn is_step(t: u32, at: u32) -> bool {
  if (has_lengths) { // static
    return i32(t) < lengths[at / hidden_size];
  } else {
    return true;
  }
}

// Time of a position in processing order.
fn time_of(position: u32) -> u32 {
  return select(position, span.steps - 1u - position, runs_reverse);
}

// Where the gates of a sequence begin at a time: [T, B, gates, H].
fn gates_at(t: u32, at: u32) -> u32 {
  return (t * batch + at / hidden_size) * gates * hidden_size + at % hidden_size;
}

fn to_y(value: f32) -> y_number {
  if (y_is_half) { // static
    return y_number(to_half_range(value));
  } else {
    return y_number(value);
  }
}
`,
    constants: {
      batch: 'u32',
      hidden_size: 'u32',
      lanes: 'u32',
      chunks: 'u32',
      chunk_steps: 'u32',
      runs_reverse: 'bool',
      has_lengths: 'bool',
      projected_is_half: 'bool',
      y_is_half: 'bool',
    },
  },
  'lib/subgroup-sums': {
    name: 'lib/subgroup-sums',
    source: `// Sums over the lanes of a subgroup, in all of them. Needs the feature \`subgroups\`.
enable subgroups;

fn sum_in_subgroup(own: Sums) -> Sums {
  return Sums(subgroupAdd(own.reals), subgroupAdd(own.counts));
}
`,
    constants: {},
  },
  'lib/thread-sums': {
    name: 'lib/thread-sums',
    source: `// Sums of what the threads of a workgroup have found. A GPU's threads add up as a tree, a barrier for each halving, \`threads\`
// being a power of two. A software adapter pays for barriers, and for building what has one: there the workgroup is one
// subgroup, which needs none, or one thread adds up.
//! join lib/subgroup-sums

const threads: u32 = 64u; // specialize
const sums_as_tree: bool = false; // specialize
const sums_in_subgroup: bool = false; // specialize: the threads are one subgroup

struct Sums {
  reals: vec2f,
  counts: vec2u,
}

var<workgroup> sums: array<Sums, threads>;

fn join_sums(a: Sums, b: Sums) -> Sums {
  return Sums(a.reals + b.reals, a.counts + b.counts);
}

// The sum of all threads' sums, in thread 0; what the others get is none. All threads call it together.
fn sum_over_threads(lane: u32, own: Sums) -> Sums {
  if (sums_in_subgroup) { // static
    return sum_in_subgroup(own);
  } else {
    sums[lane] = own;
    var total = Sums();
    if (sums_as_tree) { // static
      for (var half = threads / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
          sums[lane] = join_sums(sums[lane], sums[lane + half]);
        }
      }
      total = sums[0];
    } else {
      workgroupBarrier();
      if (lane == 0u) {
        for (var index = 0u; index < threads; index++) {
          total = join_sums(total, sums[index]);
        }
      }
    }
    return total;
  }
}
`,
    constants: {
      threads: 'u32',
      sums_as_tree: 'bool',
      sums_in_subgroup: 'bool',
    },
  },
  'lib/training-state': {
    name: 'lib/training-state',
    source: `// What a training step knows beside its tensors. One buffer, advanced by the GPU itself, so that many
// steps go into one submit; the host writes it when training starts or resumes, and only
// learning_rate_scale in between. Packed and read by src/training/step-state.ts.
struct TrainingState {
  seed: u32,                // seed of the counter-based random numbers
  step: u32,                // training steps finished; random counter and data cursor
  halted: u32,              // training_halted, or update_skipped until the next step has ended
  gradient_scale: f32,      // factor of this step's gradients: clipping by global norm
  learning_rate: f32,       // of this step
  learning_rate_scale: f32, // written by the host: reduce-on-plateau
  history_origin: u32,      // step whose record lies in slot 0 of the history
  skipped_steps: u32,       // finished steps that changed nothing: their scaled gradients left the range of f16
}

// \`halted\` where a loss or gradient was not finite: nothing is updated any more.
const training_halted: u32 = 1u;
// \`halted\` where only this step updates nothing.
const update_skipped: u32 = 2u;

// Scaling of the loss's gradient in f16 training. Packed and read by src/training/loss-scale.ts.
struct LossScale {
  factor: f32,              // a power of two
  good_steps: u32,          // since the last overflow or doubling
}

// One step in the history, a ring of \`capacity\` records.
struct StepRecord {
  loss: f32,                // before the update
  gradient_norm: f32,       // of all gradients, before clipping; 0 where no gradient was reduced
  learning_rate: f32,
  flags: u32,               // 0, or a sum of loss_not_finite, gradient_not_finite and step_was_skipped
}

const loss_not_finite: u32 = 1u;
const gradient_not_finite: u32 = 2u;
const step_was_skipped: u32 = 4u;

// Whether the bits of a float are those of a NaN or an infinity. Asked of bits, because compilers may
// assume that floats are neither.
fn is_not_finite(bits: u32) -> bool {
  return (bits & 0x7f800000u) == 0x7f800000u;
}
`,
    constants: {},
  },
};

/** Cells by name. */
export const cellParts: Record<string, PartDescription> = {
  'gru-reset-after': {
    name: 'cells/gru-reset-after',
    source: `// The GRU of lib/gru-reset-after.
//! join lib/gru-reset-after

const gates: u32 = 3u;
const input_gates: u32 = 3u;
const states: u32 = 1u;
const saved_values: u32 = select(4u, 5u, clips);
const parameters: u32 = 0u;
const norm_parameters: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 3u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 5>(0u, 0u, 0u, 0u, 0u);
const gradient_phase = array<u32, 3>(0u, 0u, 0u);
const state_phase = array<u32, 1>(0u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = true;
const forward_reads_state = array<bool, 1>(true);
const backward_reads_state = array<bool, 1>(true);
const backward_reads_next = array<bool, 1>(false);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  return gru_forward(given);
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  return gru_backward(given);
}
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
      update_replaces: 'bool',
    },
  },
  'gru-reset-after-normalized': {
    name: 'cells/gru-reset-after-normalized',
    source: `// The GRU of lib/gru-reset-after with layer normalisation (lib/normalize) of W_hh h over all gates of a row, as
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
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
      update_replaces: 'bool',
    },
  },
  'gru-reset-before': {
    name: 'cells/gru-reset-before',
    source: `// The GRU of lib/gru-reset-before.
//! join lib/gru-reset-before

const gates: u32 = 3u;
const input_gates: u32 = 3u;
const states: u32 = 1u;
const saved_values: u32 = select(3u, 5u, clips);
const parameters: u32 = 0u;
const norm_parameters: u32 = 0u;
const phases: u32 = 2u;
const phase_gates = array<u32, 3>(0u, 2u, 3u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 5>(0u, 0u, 1u, 0u, 1u);
const gradient_phase = array<u32, 3>(0u, 1u, 1u);
const state_phase = array<u32, 1>(1u);
const multiplies: bool = true;
const masks_vector: bool = true;
const gradients_apart: bool = false;
const forward_reads_state = array<bool, 1>(true);
const backward_reads_state = array<bool, 1>(true);
const backward_reads_next = array<bool, 1>(false);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  return gru_forward(phase, given);
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  return gru_backward(phase, given);
}
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
      update_replaces: 'bool',
    },
  },
  'gru-reset-before-normalized': {
    name: 'cells/gru-reset-before-normalized',
    source: `// The GRU of lib/gru-reset-before with layer normalisation (lib/normalize) of its two products, each over its own gates
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
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
      update_replaces: 'bool',
    },
  },
  'ind-rnn': {
    name: 'cells/ind-rnn',
    source: `// The independent RNN: h' = candidate(x + u h + b), each unit with one recurrent weight u of its own and no matmul.
// Parameter: u. The recurrent bias b is added as that of a gate.
// Source: Li, Li, Cook, Zhu & Gao 2018.
//! join lib/activation-choice

const gates: u32 = 1u;
const input_gates: u32 = 1u;
const states: u32 = 1u;
const saved_values: u32 = select(0u, 1u, clips);
const parameters: u32 = 1u;
const norm_parameters: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 1u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 1>(0u);
const gradient_phase = array<u32, 1>(0u);
const state_phase = array<u32, 1>(0u);
const multiplies: bool = false;
const masks_vector: bool = false;
const gradients_apart: bool = true;
const forward_reads_state = array<bool, 1>(true);
const backward_reads_state = array<bool, 1>(true);
const backward_reads_next = array<bool, 1>(true);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  let a = step.x[0] + step.u[0] + step.parameters[0] * step.state[0];
  step.next[0] = candidate_value(clipped(a));
  if (clips) { // static
    step.saved[0] = clip_mark(a, 1u);
  }
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  var marks = 0.0;
  if (clips) { // static
    marks = gradient.saved[0];
  }
  let da = unless_clipped(gradient.d_next[0] * candidate_slope(gradient.next[0]), marks, 1u);
  gradient.dx[0] = da;
  gradient.du[0] = da;
  gradient.d_state[0] = da * gradient.parameters[0];
  gradient.d_parameters[0] = da * gradient.state[0];
  return gradient;
}
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
    },
  },
  lstm: {
    name: 'cells/lstm',
    source: `// The LSTM of lib/lstm: h' = o output(c').
//! join lib/lstm

const gates: u32 = 4u;
const input_gates: u32 = 4u;
const states: u32 = 2u;
const saved_values: u32 = select(4u, 5u, clips);
const parameters: u32 = select(0u, 3u, peepholes);
const norm_parameters: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 4u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 5>(0u, 0u, 0u, 0u, 0u);
const gradient_phase = array<u32, 4>(0u, 0u, 0u, 0u);
const state_phase = array<u32, 2>(0u, 0u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = peepholes;
const forward_reads_state = array<bool, 2>(false, true);
const backward_reads_state = array<bool, 2>(false, true);
const backward_reads_next = array<bool, 2>(false, false);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = lstm_forward(given);
  step.next[H] = step.vector;
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = lstm_backward(given, given.d_next[H], given.d_next[C]);
  gradient.du = gradient.dx;
  gradient.d_state[H] = 0.0;
  return gradient;
}
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
      peepholes: 'bool',
      input_forget: 'bool',
    },
  },
  'lstm-normalized': {
    name: 'cells/lstm-normalized',
    source: `// The LSTM of lib/lstm with layer normalisation (lib/normalize), as LayerNormLSTM of haste: of W_hh h over all gates of
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
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
      peepholes: 'bool',
      input_forget: 'bool',
    },
  },
  'lstm-projected': {
    name: 'cells/lstm-projected',
    source: `// The LSTM of lib/lstm with a projected output: h' = W_hr (o output(c')), the second recurrent matmul of a step,
// whose rows are the gate p.
// Source: Sak, Senior & Beaufays 2014.
//! join lib/lstm

const gates: u32 = 5u;
const input_gates: u32 = 4u;
const states: u32 = 2u;
const saved_values: u32 = select(4u, 5u, clips);
const parameters: u32 = select(0u, 3u, peepholes);
const norm_parameters: u32 = 0u;
const phases: u32 = 2u;
const phase_gates = array<u32, 3>(0u, 4u, 5u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 5>(0u, 0u, 0u, 0u, 0u);
const gradient_phase = array<u32, 5>(0u, 0u, 0u, 0u, 1u);
const state_phase = array<u32, 2>(1u, 0u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = true;
const forward_reads_state = array<bool, 2>(false, true);
const backward_reads_state = array<bool, 2>(false, true);
const backward_reads_next = array<bool, 2>(false, false);

const P: u32 = 4u;

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  if (phase == 0u) {
    return lstm_forward(given);
  }
  var step = given;
  step.next[H] = step.u[P];
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  if (phase == 1u) {
    gradient.du[P] = gradient.d_next[H];
    gradient.d_state[H] = 0.0;
    gradient.d_state[C] = gradient.d_next[C];
    return gradient;
  }
  gradient = lstm_backward(given, given.d_vector, given.d_state[C]);
  for (var gate = 0u; gate < input_gates; gate++) {
    gradient.du[gate] = gradient.dx[gate];
  }
  return gradient;
}
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
      peepholes: 'bool',
      input_forget: 'bool',
    },
  },
  rnn: {
    name: 'cells/rnn',
    source: `// The vanilla RNN: h' = candidate(x + u). Nothing is saved but the mark of a clipped input: backward reads h'.
//! join lib/activation-choice

const gates: u32 = 1u;
const input_gates: u32 = 1u;
const states: u32 = 1u;
const saved_values: u32 = select(0u, 1u, clips);
const parameters: u32 = 0u;
const norm_parameters: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 1u);
const first_vector: u32 = 0u;
const saved_phase = array<u32, 1>(0u);
const gradient_phase = array<u32, 1>(0u);
const state_phase = array<u32, 1>(0u);
const multiplies: bool = true;
const masks_vector: bool = false;
const gradients_apart: bool = false;
const forward_reads_state = array<bool, 1>(false);
const backward_reads_state = array<bool, 1>(false);
const backward_reads_next = array<bool, 1>(true);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  let a = step.x[0] + step.u[0];
  step.next[0] = candidate_value(clipped(a));
  if (clips) { // static
    step.saved[0] = clip_mark(a, 1u);
  }
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  var marks = 0.0;
  if (clips) { // static
    marks = gradient.saved[0];
  }
  let da = unless_clipped(gradient.d_next[0] * candidate_slope(gradient.next[0]), marks, 1u);
  gradient.dx[0] = da;
  gradient.du[0] = da;
  gradient.d_state[0] = 0.0;
  return gradient;
}
`,
    constants: {
      gate_activation: 'u32',
      gate_alpha: 'f32',
      gate_beta: 'f32',
      candidate_activation: 'u32',
      candidate_alpha: 'f32',
      candidate_beta: 'f32',
      output_activation: 'u32',
      output_alpha: 'f32',
      output_beta: 'f32',
      clips: 'bool',
      clip_bound: 'f32',
    },
  },
  slstm: {
    name: 'cells/slstm',
    source: `// The sLSTM: z = tanh(·), o = sigmoid(·), log f = log sigmoid(·) or the value itself (exponential),
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
`,
    constants: {
      exponential: 'bool',
    },
  },
  'min-gru': {
    name: 'scan-cells/min-gru',
    source: `// The minimal GRU: h' = (1 - z) h + z n, z = sigmoid(x_z), n = x_n or g(x_n) (positive).
// Source: Feng et al. 2024, arXiv 2410.01201.
//! join lib/activations
//! join lib/candidate

const positive: bool = false; // specialize

const gates: u32 = 2u;

const Z: u32 = 0u;
const N: u32 = 1u;

fn scan_coefficients(x: array<f32, gates>) -> vec2f {
  return vec2f(sigmoid(-x[Z]), sigmoid(x[Z]) * candidate(x[N], positive));
}

fn scan_gradient(x: array<f32, gates>, da: f32, db: f32) -> array<f32, gates> {
  let z = sigmoid(x[Z]);
  return array<f32, gates>(
    (db * candidate(x[N], positive) - da) * z * sigmoid(-x[Z]),
    db * z * candidate_slope(x[N], positive),
  );
}
`,
    constants: {
      positive: 'bool',
    },
  },
  'min-lstm': {
    name: 'scan-cells/min-lstm',
    source: `// The minimal LSTM: h' = f / (f + i) h + i / (f + i) n, f, i = sigmoid(·), n = x_n or g(x_n) (positive).
// f / (f + i) is taken as sigmoid(log f - log i): both gates may be too small for their sum.
// Source: Feng et al. 2024, arXiv 2410.01201.
//! join lib/activations
//! join lib/candidate

const positive: bool = false; // specialize

const gates: u32 = 3u;

const F: u32 = 0u;
const I: u32 = 1u;
const N: u32 = 2u;

fn scan_coefficients(x: array<f32, gates>) -> vec2f {
  let odds = log_sigmoid(x[F]) - log_sigmoid(x[I]);
  return vec2f(sigmoid(odds), sigmoid(-odds) * candidate(x[N], positive));
}

fn scan_gradient(x: array<f32, gates>, da: f32, db: f32) -> array<f32, gates> {
  let odds = log_sigmoid(x[F]) - log_sigmoid(x[I]);
  let share = sigmoid(-odds);
  let d_odds = (da - db * candidate(x[N], positive)) * sigmoid(odds) * share;
  return array<f32, gates>(
    d_odds * sigmoid(-x[F]),
    -d_odds * sigmoid(-x[I]),
    db * share * candidate_slope(x[N], positive),
  );
}
`,
    constants: {
      positive: 'bool',
    },
  },
};
