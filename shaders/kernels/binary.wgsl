// One function of two tensors, element by element; the right one may be repeated along leading axes.
// The functions are listed in src/ops/binary.ts and, for gradients of activations, src/ops/unary.ts.
//
// Dispatch: one thread per element of the left tensor, 256 threads a workgroup, x·y workgroups.
// Layouts: left, output [count]; right [right_count], where right_count divides count.
// FLOPs 1 to 3 per element; bytes 8·count + 4·right_count.

const operation: u32 = 0u; // specialize
const count: u32 = 4u; // specialize
const right_count: u32 = 4u; // specialize

const add_operation: u32 = 0u;
const subtract_operation: u32 = 1u;
const multiply_operation: u32 = 2u;
const divide_operation: u32 = 3u;
// Gradients: left is what the function gave (for the square: what it took), right the gradient of that.
const tanh_gradient_operation: u32 = 4u;
const sigmoid_gradient_operation: u32 = 5u;
const relu_gradient_operation: u32 = 6u;
const square_gradient_operation: u32 = 7u;

@group(0) @binding(0) var<storage, read> left: array<f32>;
@group(0) @binding(1) var<storage, read> right: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

fn apply(a: f32, b: f32) -> f32 {
  var result = a;
  if (operation == add_operation) { // static
    result = a + b;
  }
  if (operation == subtract_operation) { // static
    result = a - b;
  }
  if (operation == multiply_operation) { // static
    result = a * b;
  }
  if (operation == divide_operation) { // static
    result = a / b;
  }
  if (operation == tanh_gradient_operation) { // static
    result = (1.0 - a * a) * b;
  }
  if (operation == sigmoid_gradient_operation) { // static
    result = a * (1.0 - a) * b;
  }
  if (operation == relu_gradient_operation) { // static
    result = select(0.0, b, a > 0.0);
  }
  if (operation == square_gradient_operation) { // static
    result = 2.0 * a * b;
  }
  return result;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 256u + lane;
  if (index < count) {
    output[index] = apply(left[index], right[index % right_count]);
  }
}
