// First half of the global gradient norm: one partial sum of squares per thread, on a GPU per workgroup, in a fixed
// order, so that equal gradients give equal bits. finish-step adds the parts.
//
// Dispatch: a loop over the grid, four floats per thread and turn.
// Layouts: gradients [4·vector_count], flat; parts [threads·workgroups], or [workgroups] where sums_as_tree: two sums
// of squares, so that neither over- nor underflows for gradients between 1e-19 and 3e38, as elements above 2^50 go into
// the second, scaled by 2^-96; and how many threads have found a NaN or an infinity.
// FLOPs 8 and bytes 16 per vector.
//! join lib/thread-sums

const vector_count: u32 = 16u; // specialize

@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> parts: array<Sums>;

@compute @workgroup_size(threads)
fn main(@builtin(global_invocation_id) thread: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  var sum = vec4f();
  var large = vec4f();
  var not_finite = false;
  for (var index = thread.x; index < vector_count; index += groups.x * threads) {
    let value = gradients[index];
    let bits = bitcast<vec4u>(value) & vec4u(0x7fffffffu);
    not_finite = not_finite || any(bits >= vec4u(0x7f800000u));
    let is_large = bits > vec4u(0x58800000u); // 2^50
    let ordinary = select(value, vec4f(), is_large);
    let scaled = select(vec4f(), value * 0x1p-96, is_large);
    sum += ordinary * ordinary;
    large += scaled * scaled;
  }
  let own = Sums(
    vec2f((sum.x + sum.y) + (sum.z + sum.w), (large.x + large.y) + (large.z + large.w)),
    vec2u(select(0u, 1u, not_finite), 0u),
  );
  if (sums_as_tree) { // static
    let total = sum_over_threads(lane, own);
    if (lane == 0u) {
      parts[thread.x / threads] = total;
    }
  } else {
    parts[thread.x] = own;
  }
}
