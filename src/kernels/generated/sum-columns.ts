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
    segments: 'u32',
    factor: 'f32',
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
  },
  source: `// Sums of a matrix's columns, times a factor. Matrices of many rows take two launches: sums of segments of
// rows, then this kernel once more over the segments.
//
// Dispatch: one thread per column and segment, 64 threads a workgroup, x·y workgroups; neighbouring threads
// take neighbouring columns. Rows are added in order, so equal inputs give equal bits.
// Layouts: x [rows, columns]; output [segments, columns]. FLOPs rows·columns; bytes 4·rows·columns.

const rows: u32 = 4u; // specialize
const columns: u32 = 4u; // specialize
const segments: u32 = 1u; // specialize
const factor: f32 = 1.0; // specialize
const x_is_half: bool = false; // specialize
alias x_number = f32; // f16: x_is_half

const segment_rows: u32 = (rows + segments - 1u) / segments;

@group(0) @binding(0) var<storage, read> x: array<x_number>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= segments * columns) {
    return;
  }
  let first_row = index / columns * segment_rows;
  let end_row = min(first_row + segment_rows, rows);
  let column = index % columns;
  var sum = 0.0;
  for (var row = first_row; row < end_row; row++) {
    sum += f32(x[row * columns + column]);
  }
  output[index] = sum * factor;
}
`,
} as const satisfies KernelDescription;
