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

// `bit` where x is outside the bound: the gradient ends there. Bits of several gates add up to one saved value.
fn clip_mark(x: f32, bit: u32) -> f32 {
  return select(0.0, f32(bit), abs(x) > clip_bound);
}

// The gradient, or 0 where `marks` say that the input was outside the bound.
fn unless_clipped(gradient: f32, marks: f32, bit: u32) -> f32 {
  return select(gradient, 0.0, clips && (u32(marks) & bit) != 0u);
}
