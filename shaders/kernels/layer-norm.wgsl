// Layer normalisation over the rows of a matrix: y = (x - mean) / sqrt(variance + epsilon) · weight + bias.
// Source: Ba, Kiros & Hinton 2016. The variance is that of the row itself (divided by width), and is summed
// from the differences to the mean, which does not lose digits where the mean is large.
//
// Dispatch: 64 threads a workgroup, row_threads of them per row (a power of two): 1 for short rows and for
// narrow adapters (no barrier), 64 for long rows (16 barriers: two sums).
// Layouts: x, y [row_count, width]; weight, bias [width]; statistics [row_count] of (mean, 1 / deviation), for
// backward. weight, bias and statistics are untouched where has_weight, has_bias and keeps_statistics are
// false. FLOPs 8 per element; bytes 16 per element: x is read three times, from the cache after the first.
//! join lib/half
//! join lib/row-sums

const row_count: u32 = 4u; // specialize
const first_row: u32 = 0u; // specialize: of the row_count rows that are wanted
const width: u32 = 4u; // specialize
const row_threads: u32 = 1u; // specialize
const epsilon: f32 = 0.00001; // specialize
const has_weight: bool = true; // specialize
const has_bias: bool = true; // specialize
const keeps_statistics: bool = true; // specialize
const x_is_half: bool = false; // specialize
const y_is_half: bool = false; // specialize
alias x_number = f32; // f16: x_is_half
alias y_number = f32; // f16: y_is_half

@group(0) @binding(0) var<storage, read> x: array<x_number>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<y_number>;
@group(0) @binding(4) var<storage, read_write> statistics: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let part = lane % row_threads;
  let wanted = (group.y * groups.x + group.x) * (64u / row_threads) + lane / row_threads;
  let row = first_row + min(wanted, row_count - 1u);
  let begin = row * width;
  var sum = 0.0;
  for (var column = part; column < width; column += row_threads) {
    sum += f32(x[begin + column]);
  }
  let mean = sum_over_row(lane, sum) / f32(width);
  var squares = 0.0;
  for (var column = part; column < width; column += row_threads) {
    let difference = f32(x[begin + column]) - mean;
    squares += difference * difference;
  }
  let inverse = 1.0 / sqrt(sum_over_row(lane, squares) / f32(width) + epsilon);
  if (wanted < row_count) {
    if (keeps_statistics) { // static
      if (part == 0u) {
        statistics[row] = vec2f(mean, inverse);
      }
    }
    for (var column = part; column < width; column += row_threads) {
      var value = (f32(x[begin + column]) - mean) * inverse;
      if (has_weight) { // static
        value *= weight[column];
      }
      if (has_bias) { // static
        value += bias[column];
      }
      if (y_is_half) { // static
        value = to_half_range(value);
      }
      y[begin + column] = y_number(value);
    }
  }
}
