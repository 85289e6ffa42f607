// Softmax or its logarithm over the rows of a matrix.
//
// Dispatch: 64 threads a workgroup, row_threads of them per row (a power of two): 1 for short rows and for
// narrow adapters (no barrier), 64 for long rows (7 barriers). Layouts: x, y [row_count, width].
// FLOPs 12 per element; bytes 12 per element: x is read twice.
//! join lib/log-sum-exp

const row_count: u32 = 4u; // specialize
const width: u32 = 4u; // specialize
const row_threads: u32 = 1u; // specialize
const is_log: bool = false; // specialize

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

var<workgroup> pairs: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let part = lane % row_threads;
  let wanted = (group.y * groups.x + group.x) * (64u / row_threads) + lane / row_threads;
  let row = min(wanted, row_count - 1u);
  let begin = row * width;
  var pair = vec2f(x[begin + min(part, width - 1u)], select(0.0, 1.0, part < width));
  for (var column = part + row_threads; column < width; column += row_threads) {
    pair = include_exponent(pair, x[begin + column]);
  }
  if (row_threads > 1u) { // static
    pairs[lane] = pair;
    for (var half = row_threads / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (part < half) {
        pairs[lane] = merge_exponents(pairs[lane], pairs[lane + half]);
      }
    }
    workgroupBarrier();
    pair = pairs[lane - part];
  }
  if (wanted < row_count) {
    let log_rest = log(pair.y);
    for (var column = part; column < width; column += row_threads) {
      let shifted = x[begin + column] - pair.x;
      if (is_log) { // static
        y[begin + column] = shifted - log_rest;
      } else {
        y[begin + column] = exp(shifted) / pair.y;
      }
    }
  }
}
