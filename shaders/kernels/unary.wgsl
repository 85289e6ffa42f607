// One function of one tensor, element by element. The functions are listed in src/ops/unary.ts.
//
// Dispatch: one thread per element, 256 threads a workgroup, x·y workgroups.
// Layouts: x, y [count]. FLOPs 1 (scale) to 20 (tanh) per element; bytes 8·count.
//! join lib/activations

const operation: u32 = 0u; // specialize
const count: u32 = 4u; // specialize
const factor: f32 = 1.0; // specialize

const scale_operation: u32 = 0u;
const tanh_operation: u32 = 1u;
const sigmoid_operation: u32 = 2u;
const relu_operation: u32 = 3u;
const square_operation: u32 = 4u;
const exp_operation: u32 = 5u;
const log_operation: u32 = 6u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

fn apply(value: f32) -> f32 {
  var result = value;
  if (operation == scale_operation) { // static
    result = factor * value;
  }
  if (operation == tanh_operation) { // static
    result = tanh_stable(value);
  }
  if (operation == sigmoid_operation) { // static
    result = sigmoid(value);
  }
  if (operation == relu_operation) { // static
    result = max(value, 0.0);
  }
  if (operation == square_operation) { // static
    result = value * value;
  }
  if (operation == exp_operation) { // static
    result = exp(value);
  }
  if (operation == log_operation) { // static
    result = log(value);
  }
  return result;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 256u + lane;
  if (index < count) {
    y[index] = apply(x[index]);
  }
}
