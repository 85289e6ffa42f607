// The activations of a cell's roles, chosen by number, and the bound on what goes into them. Gradients come
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

// What is left is the scaled tanh. Compilers know the kind and keep one line.
fn activate(kind: u32, alpha: f32, beta: f32, x: f32) -> f32 {
  if (kind == TANH) { return tanh_stable(x); }
  if (kind == SIGMOID) { return sigmoid(x); }
  if (kind == RELU) { return max(x, 0.0); }
  if (kind == HARD_SIGMOID) { return clamp(alpha * x + beta, 0.0, 1.0); }
  if (kind == AFFINE) { return alpha * x + beta; }
  if (kind == LEAKY_RELU) { return select(alpha * x, x, x >= 0.0); }
  if (kind == THRESHOLDED_RELU) { return select(0.0, x, x >= alpha); }
  if (kind == ELU) { return select(alpha * (exp(min(x, 0.0)) - 1.0), x, x >= 0.0); }
  if (kind == SOFTSIGN) { return x / (1.0 + abs(x)); }
  if (kind == SOFTPLUS) { return max(x, 0.0) + log(1.0 + exp(-abs(x))); }
  return alpha * tanh_stable(beta * x);
}

// The derivative where the activation has the value y.
fn slope_of(kind: u32, alpha: f32, beta: f32, y: f32) -> f32 {
  if (kind == TANH) { return 1.0 - y * y; }
  if (kind == SIGMOID) { return y * (1.0 - y); }
  if (kind == RELU) { return select(0.0, 1.0, y > 0.0); }
  if (kind == HARD_SIGMOID) { return select(0.0, alpha, y > 0.0 && y < 1.0); }
  if (kind == AFFINE) { return alpha; }
  if (kind == LEAKY_RELU) { return select(alpha, 1.0, y >= 0.0); }
  if (kind == THRESHOLDED_RELU) { return select(0.0, 1.0, y != 0.0); }
  if (kind == ELU) { return select(y + alpha, 1.0, y >= 0.0); }
  if (kind == SOFTSIGN) { return (1.0 - abs(y)) * (1.0 - abs(y)); }
  if (kind == SOFTPLUS) {
    // 1 - e^-y, which cancels near zero.
    return select(1.0 - exp(-y), y * (1.0 - y * (0.5 - y * (1.0 / 6.0 - y / 24.0))), y < 0.125);
  }
  return beta * (alpha - y * y / alpha);
}

fn gate_value(x: f32) -> f32 { return activate(gate_activation, gate_alpha, gate_beta, x); }
fn gate_slope(y: f32) -> f32 { return slope_of(gate_activation, gate_alpha, gate_beta, y); }
fn candidate_value(x: f32) -> f32 { return activate(candidate_activation, candidate_alpha, candidate_beta, x); }
fn candidate_slope(y: f32) -> f32 { return slope_of(candidate_activation, candidate_alpha, candidate_beta, y); }
fn output_value(x: f32) -> f32 { return activate(output_activation, output_alpha, output_beta, x); }
fn output_slope(y: f32) -> f32 { return slope_of(output_activation, output_alpha, output_beta, y); }

// What goes into an activation: within the bound where there is one.
fn clipped(x: f32) -> f32 {
  return select(x, clamp(x, -clip_bound, clip_bound), clips);
}

// `bit` where x is outside the bound: the gradient ends there. Bits of several gates add up to one saved value.
fn clip_mark(x: f32, bit: u32) -> f32 {
  return select(0.0, f32(bit), abs(x) > clip_bound);
}

// The gradient, or 0 where `marks` say that the input was outside the bound.
fn unless_clipped(gradient: f32, marks: f32, bit: u32) -> f32 {
  return select(gradient, 0.0, clips && (u32(marks) & bit) != 0u);
}
