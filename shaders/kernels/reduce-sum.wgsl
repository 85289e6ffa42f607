// Sum over a whole tensor, or over the squared differences of two, times a factor. Large tensors take two
// launches: partial sums of several workgroups, then this kernel once more over the parts.
//
// Dispatch: a loop over the grid; workgroup g writes output[g]. The order of the additions depends on the sizes only, so
// equal inputs give equal bits.
// Layouts: left, right [count]; right is read only where takes_difference. FLOPs 1 or 3 per element; bytes 4 or 8 per
// element.
//! join lib/thread-sums

const count: u32 = 4u; // specialize
const takes_difference: bool = false; // specialize
const factor: f32 = 1.0; // specialize

@group(0) @binding(0) var<storage, read> left: array<f32>;
@group(0) @binding(1) var<storage, read> right: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  var own = Sums();
  for (var index = group.x * threads + lane; index < count; index += groups.x * threads) {
    var value = left[index];
    if (takes_difference) { // static
      value -= right[index];
      value *= value;
    }
    own.reals.x += value;
  }
  let total = sum_over_threads(lane, own);
  if (lane == 0u) {
    output[group.x] = total.reals.x * factor;
  }
}
