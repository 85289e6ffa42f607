// Sums of a matrix's columns, times a factor, or of its rows, where the steps say so. Matrices of many rows take two
// launches: sums of segments of rows, then this kernel once more over the segments. A second matrix of as many rows
// comes along, in one launch.
//
// Dispatch: one thread per column and segment, 64 threads a workgroup, x·y workgroups; neighbouring threads
// take neighbouring columns. Rows are added in order, so equal inputs give equal bits.
// Layouts: x [rows, columns] from x_offset on, with row_step and column_step between neighbours; output [segments,
//   columns] from output_offset on; second [rows, second_columns]; second_output [second_columns]. FLOPs and loads one
//   for each number.
// Sizes are uniforms: the sums of a plan share a pipeline.

struct ColumnSums {
  rows: u32,
  columns: u32,
  row_step: u32,
  column_step: u32,
  segments: u32,
  segment_rows: u32,
  x_offset: u32,
  output_offset: u32,
  second_columns: u32,
  factor: f32,
}

const has_second: bool = false; // specialize: segments are 1 then
const x_is_half: bool = false; // specialize
alias x_number = f32; // f16: x_is_half

@group(0) @binding(0) var<uniform> sums: ColumnSums;
@group(0) @binding(1) var<storage, read> x: array<x_number>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<storage, read> second: array<f32>;
@group(0) @binding(4) var<storage, read_write> second_output: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (has_second) { // static
    if (index >= sums.columns) {
      let column = index - sums.columns;
      if (column < sums.second_columns) {
        var sum = 0.0;
        for (var row = 0u; row < sums.rows; row++) {
          sum += second[row * sums.second_columns + column];
        }
        second_output[column] = sum * sums.factor;
      }
      return;
    }
  }
  if (index >= sums.segments * sums.columns) {
    return;
  }
  let first_row = index / sums.columns * sums.segment_rows;
  let end_row = min(first_row + sums.segment_rows, sums.rows);
  let column_at = sums.x_offset + index % sums.columns * sums.column_step;
  var sum = 0.0;
  for (var row = first_row; row < end_row; row++) {
    sum += f32(x[column_at + row * sums.row_step]);
  }
  output[sums.output_offset + index] = sum * sums.factor;
}
