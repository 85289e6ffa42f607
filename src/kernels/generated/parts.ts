// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { PartDescription } from '../description.ts';

/** Library parts by the name that `//! join` uses. */
export const parts: Record<string, PartDescription> = {
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
}
`,
    constants: {},
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
  'lib/quads': {
    name: 'lib/quads',
    source: `// Loads shared by the four lanes of a quad: each lane loads one of four numbers that all of them need.
// A quarter of the loads, for three register moves each: right where loads are dear (software adapters,
// mobile GPUs without a scalar unit). Needs the feature \`subgroups\`; every lane must take part.
enable subgroups;

// Which of its quad's four lanes this is. Counted and not taken from the workgroup: how invocations map
// to subgroups is the driver's affair.
fn quad_lane() -> u32 {
  return subgroupExclusiveAdd(1u) & 3u;
}

// The numbers of a quad's lanes, in their order.
fn gather_quad(own: f32) -> vec4f {
  return vec4f(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
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
const rows: u32 = 2u; // specialize
const units: u32 = 1u; // specialize
const lanes: u32 = 8u; // specialize
const unit_tile: u32 = 8u; // specialize
const spreads: bool = false; // specialize
const stages: bool = false; // specialize
const y_origin: u32 = 64u; // specialize
const section_size: u32 = 576u; // specialize
const tracks: u32 = 1u; // specialize
const is_half: bool = false; // specialize
alias number = f32; // f16: is_half
alias quad = vec4f; // f16: is_half

const row_size: u32 = batch * hidden_size;
// Weights are packed by tiles of units, so that every index but the tile's is known to be in bounds:
// compilers then leave out their checks.
const tile_units: u32 = lanes * units;
const tiles: u32 = (hidden_size + tile_units - 1u) / tile_units;
const all_tiles: u32 = tracks * tiles;
const hidden_quads: u32 = (hidden_size + 3u) / 4u;
const has_tail: bool = hidden_size % 4u != 0u;

// What a track has of four; chosen without an index, for which a compiler would copy the uniform.
fn of_track(track: u32, first: vec4u, second: vec4u, third: vec4u, fourth: vec4u) -> vec4u {
  return select(select(first, second, track == 1u), select(third, fourth, track == 3u), track > 1u);
}

// Where number \`at\` of a state's section lies in the history of a track that begins at \`origin\`.
fn state_place(origin: u32, s: u32, at: u32) -> u32 {
  if (is_half) { // static
    return origin + select((2u * s - 1u) * section_size + 2u * at, at, s == 0u);
  } else {
    return origin + s * section_size + at;
  }
}

// Where the section of the vector behind a phase begins.
fn vector_begin_of(phase: u32) -> u32 {
  return (select(states, 2u * states - 1u, is_half) + phase) * section_size;
}

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
      rows: 'u32',
      units: 'u32',
      lanes: 'u32',
      unit_tile: 'u32',
      spreads: 'bool',
      stages: 'bool',
      y_origin: 'u32',
      section_size: 'u32',
      tracks: 'u32',
      is_half: 'bool',
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

// Standard Gumbel noise of a token. The uniform number is odd · 2^-24: exact, never 0 and never 1.
fn gumbel(seed: u32, stream: u32, position: u32, index: u32) -> f32 {
  let word = philox(seed, stream, position, index >> 2u)[index & 3u];
  let u = f32((word >> 8u) | 1u) * 0x1p-24;
  return -accurate_log(-accurate_log(u));
}
`,
    constants: {},
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

// What one thread of the gradient norm found. Two sums of squares, so that neither over- nor
// underflows for gradients between 1e-19 and 3e38: elements above 2^50 go into \`large\`, scaled by 2^-96.
struct NormPart {
  sum: f32,
  large: f32,
  not_finite: u32,          // 1 where an element was NaN or infinite
  padding: u32,
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
    source: `// The GRU of cuDNN, PyTorch and Keras: r, z = sigmoid(·), n = tanh(x_n + r u_n).
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
`,
    constants: {
      update_replaces: 'bool',
    },
  },
  'gru-reset-before': {
    name: 'cells/gru-reset-before',
    source: `// The original GRU: r, z = sigmoid(·), then n = tanh(x_n + W_hn (r ⊙ h)): two recurrent matmuls.
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
`,
    constants: {
      update_replaces: 'bool',
    },
  },
  lstm: {
    name: 'cells/lstm',
    source: `// The LSTM: i, f, o = sigmoid(·), g = tanh(·), c' = f c + i g, h' = o tanh(c'). Saved: i f g o.
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
`,
    constants: {},
  },
  rnn: {
    name: 'cells/rnn',
    source: `// The vanilla RNN: h' = f(x + u), f = tanh or relu. Nothing is saved: backward reads h'.
//! join lib/activations

const rectified: bool = false; // specialize

const gates: u32 = 1u;
const states: u32 = 1u;
const saved_values: u32 = 0u;
const phases: u32 = 1u;
const phase_gates = array<u32, 2>(0u, 1u);
const saved_phase = array<u32, 1>(0u);
const gradient_phase = array<u32, 1>(0u);
const gradients_apart: bool = false;
const forward_reads_state = array<bool, 1>(false);
const backward_reads_state = array<bool, 1>(false);
const backward_reads_next = array<bool, 1>(true);

fn cell_forward(phase: u32, given: CellStep) -> CellStep {
  var step = given;
  let a = step.x[0] + step.u[0];
  if (rectified) {
    step.next[0] = max(a, 0.0);
  } else {
    step.next[0] = tanh_stable(a);
  }
  return step;
}

fn cell_backward(phase: u32, given: CellGradient) -> CellGradient {
  var gradient = given;
  let h = gradient.next[0];
  var slope = 1.0 - h * h;
  if (rectified) {
    slope = select(0.0, 1.0, h > 0.0);
  }
  let da = gradient.d_next[0] * slope;
  gradient.dx[0] = da;
  gradient.du[0] = da;
  gradient.d_state[0] = 0.0;
  return gradient;
}
`,
    constants: {
      rectified: 'bool',
    },
  },
};
