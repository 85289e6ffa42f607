// Gradient of a row gather: each table row is the sum of the output gradients of its positions, in
// ascending order of position, so the result is the same on every run.
//
// Dispatch: one thread for `columns` neighbouring values of the table's gradient, 64 threads a workgroup, lanes along
//   the width.
// Layouts: starts, order as index-tokens writes them; d_output [row_count, width]; d_table
//   [table_rows, width], or [width, table_rows] where transposes_table (the weight of a one-hot input).
// FLOPs none counted (additions of a scatter); loads row_count·width·(1 + 1 / columns) in all.
//
// A position is loaded once for all columns of a thread: more of them for adapters that pay per load. GPUs want one,
// threads being few where the table is small.

const table_rows: u32 = 4u; // specialize
const width: u32 = 8u; // specialize
const columns: u32 = 1u; // specialize: divides width
const transposes_table: bool = false; // specialize
const d_output_is_half: bool = false; // specialize
alias d_output_number = f32; // f16: d_output_is_half

@group(0) @binding(0) var<storage, read> starts: array<u32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> d_output: array<d_output_number>;
@group(0) @binding(3) var<storage, read_write> d_table: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= table_rows * width / columns) {
    return;
  }
  let token = index * columns / width;
  let column = index * columns % width;
  var sum: array<f32, columns>; // registers
  let end = starts[token + 1u];
  for (var i = starts[token]; i < end; i++) {
    let at = order[i] * width + column;
    for (var j = 0u; j < columns; j++) { // unroll
      sum[j] += f32(d_output[at + j]);
    }
  }
  for (var j = 0u; j < columns; j++) { // unroll
    d_table[select(index * columns + j, (column + j) * table_rows + token, transposes_table)] = sum[j];
  }
}
