// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const sumColumns = {
  name: 'sum-columns',
  entryPoint: 'main',
  joins: [],
  cell: false,
  constants: {
    rows: 'u32',
    columns: 'u32',
    row_step: 'u32',
    column_step: 'u32',
    segments: 'u32',
    factor: 'f32',
    second_columns: 'u32',
    x_is_half: 'bool',
  },
  bindings: {
    x: {
      group: 0,
      binding: 0,
      kind: 'storage',
      access: 'read',
      type: 'array<x_number>',
    },
    output: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read_write',
      type: 'array<f32>',
    },
    second: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
    second_output: {
      group: 0,
      binding: 3,
      kind: 'storage',
      access: 'read_write',
      type: 'array<f32>',
    },
  },
  source: `// Sums of a matrix's columns, times a factor, or of its rows, where the steps say so. Matrices of many rows take two
// launches: sums of segments of rows, then this kernel once more over the segments. A second matrix of as many rows
// comes along, in one launch.
//
// Dispatch: one thread per column and segment, 64 threads a workgroup, x·y workgroups; neighbouring threads
// take neighbouring columns. Rows are added in order, so equal inputs give equal bits.
// Layouts: x [rows, columns], with row_step and column_step between neighbours; output [segments, columns];
//   second [rows, second_columns]; second_output [second_columns]. FLOPs and loads one for each number.

const rows: u32 = 4u; // specialize
const columns: u32 = 4u; // specialize
const row_step: u32 = 4u; // specialize
const column_step: u32 = 1u; // specialize
const segments: u32 = 1u; // specialize
const factor: f32 = 1.0; // specialize
const second_columns: u32 = 0u; // specialize: 0 unless segments are 1
const x_is_half: bool = false; // specialize
alias x_number = f32; // f16: x_is_half

const segment_rows: u32 = (rows + segments - 1u) / segments;

@group(0) @binding(0) var<storage, read> x: array<x_number>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(0) @binding(2) var<storage, read> second: array<f32>;
@group(0) @binding(3) var<storage, read_write> second_output: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (second_columns > 0u) { // static
    if (index >= columns) {
      let column = index - columns;
      if (column < second_columns) {
        var sum = 0.0;
        for (var row = 0u; row < rows; row++) {
          sum += second[row * second_columns + column];
        }
        second_output[column] = sum * factor;
      }
      return;
    }
  }
  if (index >= segments * columns) {
    return;
  }
  let first_row = index / columns * segment_rows;
  let end_row = min(first_row + segment_rows, rows);
  let column = index % columns;
  var sum = 0.0;
  for (var row = first_row; row < end_row; row++) {
    sum += f32(x[row * row_step + column * column_step]);
  }
  output[index] = sum * factor;
}
`,
} as const satisfies KernelDescription;
