// A linear layer for one row, y = W·x + b, as a part of a fused kernel whose threads keep the weights from repetition
// to repetition.
//
// Dispatch: one workgroup. A quad has the sums of `columns` outputs; its lanes share k, each with every fourth quad of
//   it, and the sums meet by swaps.
// Layouts: x [inputs], weight [outputs, inputs], bias [outputs], y [outputs].
// FLOPs 2·inputs·outputs. Once the weights are held, a quad loads `inputs` numbers and its lanes' biases.
//
// Right for: software adapters, where a number that a thread has for itself is one instruction away and any other
// about a hundred (docs/adr/0031-sampling-with-held-weights.md).
//! join lib/quads

const inputs: u32 = 8u; // specialize
const outputs: u32 = 6u; // specialize
const threads: u32 = 8u; // specialize
const has_bias: bool = true; // specialize

const quads: u32 = threads / 4u;
const columns: u32 = (outputs + quads - 1u) / quads;
const held_quads: u32 = ((inputs + 3u) / 4u + 3u) / 4u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// A thread's quads of k for each of its outputs.
var<private> held: array<vec4f, held_quads * columns>;
var<private> is_held: bool;

fn x_at(k: u32) -> f32 {
  if (inputs % 16u == 0u) { // static
    return x[k];
  } else {
    return select(0.0, x[min(k, inputs - 1u)], k < inputs);
  }
}

fn weight_at(output: u32, k: u32) -> f32 {
  return select(0.0, weight[min(output, outputs - 1u) * inputs + min(k, inputs - 1u)], k < inputs);
}

@compute @workgroup_size(threads)
fn main(@builtin(local_invocation_index) local: u32) {
  let quad = local / 4u;
  let lane = local % 4u;
  if (!is_held) {
    for (var q = 0u; q < held_quads; q++) {
      let k = 16u * q + 4u * lane;
      for (var j = 0u; j < columns; j++) {
        let output = j * quads + quad;
        held[q * columns + j] = vec4f(weight_at(output, k), weight_at(output, k + 1u), weight_at(output, k + 2u), weight_at(output, k + 3u));
      }
    }
    is_held = true;
  }
  var acc: array<f32, columns>; // registers
  for (var q = 0u; q < held_quads; q++) { // unroll
    let k = 16u * q + 4u * lane;
    let v = vec4f(x_at(k), x_at(k + 1u), x_at(k + 2u), x_at(k + 3u));
    for (var j = 0u; j < columns; j++) { // unroll
      acc[j] += dot(v, held[q * columns + j]);
    }
  }
  // Not unrolled: a software adapter's compiler goes astray where many branches follow one another in a loop.
  for (var j = 0u; j < columns; j++) { // unroll
    acc[j] = sum_quad(acc[j]);
  }
  var sums = acc;
  for (var j = lane; j < columns; j += 4u) {
    let output = j * quads + quad;
    if (output < outputs) {
      var sum = sums[j];
      if (has_bias) { // static
        sum += bias[output];
      }
      y[output] = sum;
    }
  }
}
