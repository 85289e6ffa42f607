// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const transpose = {
  name: 'transpose',
  entryPoint: 'main',
  joins: [],
  cell: false,
  constants: {
    matrix_count: 'u32',
    block_count: 'u32',
  },
  bindings: {
    matrices: {
      group: 0,
      binding: 0,
      kind: 'storage',
      access: 'read',
      type: 'array<Matrix>',
      element: {
        sizeBytes: 32,
        fields: {
          source_offset: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          target_offset: { offsetBytes: 4, sizeBytes: 4, type: 'u32' },
          rows: { offsetBytes: 8, sizeBytes: 4, type: 'u32' },
          columns: { offsetBytes: 12, sizeBytes: 4, type: 'u32' },
          first_block: { offsetBytes: 16, sizeBytes: 4, type: 'u32' },
          padding0: { offsetBytes: 20, sizeBytes: 4, type: 'u32' },
          padding1: { offsetBytes: 24, sizeBytes: 4, type: 'u32' },
          padding2: { offsetBytes: 28, sizeBytes: 4, type: 'u32' },
        },
      },
    },
    source_matrix: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
    target_matrix: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read_write',
      type: 'array<f32>',
    },
  },
  source: `// Copies matrices with their two axes exchanged, all weights of a model in one dispatch.
//
// Dispatch: one thread per 4×4 block, 64 threads a workgroup, x·y workgroups; \`matrices\` says which block
// belongs to which matrix (few entries: a linear search). A block is read and written four floats at a time,
// without workgroup memory: the whole copy is far below one step's other traffic.
// Layouts: source [rows, columns] at source_offset, target [columns, rows] at target_offset, in floats.
// Bytes 8 per weight.

struct Matrix {
  source_offset: u32,
  target_offset: u32,
  rows: u32,
  columns: u32,
  first_block: u32,
  padding0: u32,
  padding1: u32,
  padding2: u32,
}

const matrix_count: u32 = 1u; // specialize
const block_count: u32 = 1u; // specialize

@group(0) @binding(0) var<storage, read> matrices: array<Matrix>;
@group(0) @binding(1) var<storage, read> source_matrix: array<f32>;
@group(0) @binding(2) var<storage, read_write> target_matrix: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let block = (group.y * groups.x + group.x) * 64u + lane;
  if (block >= block_count) {
    return;
  }
  var which = 0u;
  for (var i = 1u; i < matrix_count; i++) {
    if (matrices[i].first_block <= block) {
      which = i;
    }
  }
  let matrix = matrices[which];
  let blocks_across = (matrix.columns + 3u) / 4u;
  let index = block - matrix.first_block;
  let first_row = index / blocks_across * 4u;
  let first_column = index % blocks_across * 4u;
  let end_row = min(first_row + 4u, matrix.rows);
  let end_column = min(first_column + 4u, matrix.columns);
  for (var column = first_column; column < end_column; column++) {
    for (var row = first_row; row < end_row; row++) {
      target_matrix[matrix.target_offset + column * matrix.rows + row] =
        source_matrix[matrix.source_offset + row * matrix.columns + column];
    }
  }
}
`,
} as const satisfies KernelDescription;
