// Gradient of softmax, dx = y·(dy - Σ dy·y), or of its logarithm, dx = dy - e^y·Σ dy, over rows.
//
// Dispatch: 64 threads a workgroup, row_threads of them per row (a power of two), as in softmax.
// Layouts: y (what softmax gave), dy, dx [row_count, width]. FLOPs 4 per element; bytes 20 per element.

const row_count: u32 = 4u; // specialize
const width: u32 = 4u; // specialize
const row_threads: u32 = 1u; // specialize
const is_log: bool = false; // specialize

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let part = lane % row_threads;
  let wanted = (group.y * groups.x + group.x) * (64u / row_threads) + lane / row_threads;
  let begin = min(wanted, row_count - 1u) * width;
  var sum = 0.0;
  for (var column = part; column < width; column += row_threads) {
    if (is_log) { // static
      sum += dy[begin + column];
    } else {
      sum += dy[begin + column] * y[begin + column];
    }
  }
  if (row_threads > 1u) { // static
    sums[lane] = sum;
    for (var half = row_threads / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (part < half) {
        sums[lane] += sums[lane + half];
      }
    }
    workgroupBarrier();
    sum = sums[lane - part];
  }
  if (wanted < row_count) {
    for (var column = part; column < width; column += row_threads) {
      let at = begin + column;
      if (is_log) { // static
        dx[at] = dy[at] - exp(y[at]) * sum;
      } else {
        dx[at] = y[at] * (dy[at] - sum);
      }
    }
  }
}
