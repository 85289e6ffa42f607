// Copies a box of up to three axes between two layouts: slices, concatenations, repetitions (source stride
// 0), reversals (negative source stride) and padding with zeros. Words, not floats: tokens and NaNs pass.
//
// Dispatch: one thread per element of the box, x·y workgroups.
// Layouts: element [i, j, k] of the box lies at offset + i·strides.x + j·strides.y + k·strides.z, in words, or
// in f16 where both ends hold those.
// Outside window_begin <= j < window_end the target gets zeros and the source is not read.
// Sizes are uniforms, so that all copies of a plan share one pipeline. Bytes 8 per element.

struct Copy {
  extents: vec3u,
  count: u32,
  source_strides: vec3i,
  source_offset: i32,
  target_strides: vec3i,
  target_offset: i32,
  window_begin: u32,
  window_end: u32,
}

const threads: u32 = 256u; // specialize
const is_half: bool = false; // specialize
alias element = u32; // f16: is_half

@group(0) @binding(0) var<uniform> copy: Copy;
@group(0) @binding(1) var<storage, read> source_words: array<element>;
@group(0) @binding(2) var<storage, read_write> target_words: array<element>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * threads + lane;
  if (index >= copy.count) {
    return;
  }
  let line = index / copy.extents.z;
  let plane = line / copy.extents.y;
  let at = vec3i(vec3u(plane, line - plane * copy.extents.y, index - line * copy.extents.z));
  let from_steps = at * copy.source_strides;
  let to_steps = at * copy.target_strides;
  var word = element(0);
  if (u32(at.y) >= copy.window_begin && u32(at.y) < copy.window_end) {
    word = source_words[copy.source_offset + from_steps.x + from_steps.y + from_steps.z];
  }
  target_words[copy.target_offset + to_steps.x + to_steps.y + to_steps.z] = word;
}
