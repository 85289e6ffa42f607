// First half of the global gradient norm: one partial sum of squares per workgroup, in a fixed order, so
// that equal gradients give equal bits. finish-step adds the parts.
//
// Dispatch: a loop over the grid, 256 threads a workgroup, at most 1024 workgroups, four floats per
// thread and turn. Layouts: gradients [4·vector_count], flat; parts [workgroups].
// Eight barriers: a tree over the threads. FLOPs 8·vector_count; bytes 16·vector_count.
//! join lib/training-state

const vector_count: u32 = 16u; // specialize

@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> parts: array<NormPart>;

var<workgroup> sums: array<vec2f, 256>;
var<workgroup> found: atomic<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  var sum = vec4f();
  var large = vec4f();
  var not_finite = false;
  for (var index = group.x * 256u + lane; index < vector_count; index += groups.x * 256u) {
    let value = gradients[index];
    let bits = bitcast<vec4u>(value) & vec4u(0x7fffffffu);
    not_finite = not_finite || any(bits >= vec4u(0x7f800000u));
    let is_large = bits > vec4u(0x58800000u); // 2^50
    let ordinary = select(value, vec4f(), is_large);
    let scaled = select(vec4f(), value * 0x1p-96, is_large);
    sum += ordinary * ordinary;
    large += scaled * scaled;
  }
  if (not_finite) {
    atomicOr(&found, 1u);
  }
  sums[lane] = vec2f((sum.x + sum.y) + (sum.z + sum.w), (large.x + large.y) + (large.z + large.w));
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
  }
  if (lane == 0u) {
    parts[group.x] = NormPart(sums[0].x, sums[0].y, atomicLoad(&found), 0u);
  }
}
