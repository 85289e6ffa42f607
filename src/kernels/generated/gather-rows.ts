// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const gatherRows = {
  name: 'gather-rows',
  entryPoint: 'main',
  joins: [],
  cell: false,
  constants: {
    row_count: 'u32',
    table_rows: 'u32',
    width: 'u32',
    has_bias: 'bool',
    table_is_half: 'bool',
    output_is_half: 'bool',
  },
  bindings: {
    indices: {
      group: 0,
      binding: 0,
      kind: 'storage',
      access: 'read',
      type: 'array<i32>',
    },
    table: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<table_number>',
    },
    bias: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
    output: {
      group: 0,
      binding: 3,
      kind: 'storage',
      access: 'read_write',
      type: 'array<output_number>',
    },
  },
  source: `// Rows of a table by index, with an optional bias: an embedding, or a matmul with one-hot rows.
//
// Dispatch: one thread per 4 values of an output row, a quarter of its width apart, so that neighbouring
// threads read and write neighbouring values; 64 threads a workgroup.
// Layouts: indices [row_count] i32; table [table_rows, width]; bias [width]; output [row_count, width].
// An index outside the table yields a row whose bits are those of a NaN, so that the step's non-finite
// check stops instead of training on another token's row. FLOPs none; bytes 8·row_count·width.

const row_count: u32 = 4u; // specialize
const table_rows: u32 = 4u; // specialize
const width: u32 = 8u; // specialize
const has_bias: bool = false; // specialize
const table_is_half: bool = false; // specialize
alias table_number = f32; // f16: table_is_half
const output_is_half: bool = false; // specialize
alias output_number = f32; // f16: output_is_half

const groups_across: u32 = (width + 3u) / 4u;

@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read> table: array<table_number>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<output_number>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= row_count * groups_across) {
    return;
  }
  let row = index / groups_across;
  let first = index % groups_across;
  let token = indices[row];
  let exists = token >= 0i && u32(token) < table_rows;
  let table_row = u32(clamp(token, 0i, i32(table_rows) - 1i));
  for (var column = first; column < width; column += groups_across) {
    var value = f32(table[table_row * width + column]);
    if (has_bias) {
      value += bias[column];
    }
    output[row * width + column] = output_number(bitcast<f32>(select(0x7fc00000u, bitcast<u32>(value), exists)));
  }
}
`,
} as const satisfies KernelDescription;
