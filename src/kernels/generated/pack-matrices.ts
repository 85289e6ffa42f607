// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const packMatrices = {
  name: 'pack-matrices',
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
          form: { offsetBytes: 20, sizeBytes: 4, type: 'u32' },
          padding0: { offsetBytes: 24, sizeBytes: 4, type: 'u32' },
          padding1: { offsetBytes: 28, sizeBytes: 4, type: 'u32' },
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
  source: `// Copies matrices into the layouts that kernels read, all weights of a model in one dispatch.
//
// Dispatch: one thread per 4×4 block, 64 threads a workgroup, x·y workgroups; \`matrices\` says which block
// belongs to which matrix (few entries: a linear search). A block is read and written four floats at a time,
// without workgroup memory: the whole copy is far below one step's other traffic.
// Layouts: source [rows, columns] at source_offset; target at target_offset, in floats:
//   transposed [columns, rows]; column quads [ceil(columns / 4), rows, 4]; row quads
//   [ceil(rows / 4), columns, 4]. Quads are filled up with zeros.
// Bytes 8 per weight.

const transposed: u32 = 0u;
const column_quads: u32 = 1u;
const row_quads: u32 = 2u;

struct Matrix {
  source_offset: u32,
  target_offset: u32,
  rows: u32,
  columns: u32,
  first_block: u32,
  form: u32,        // one of the three above
  padding0: u32,
  padding1: u32,
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
  for (var i = 0u; i < 16u; i++) {
    let row = first_row + i % 4u;
    let column = first_column + i / 4u;
    let has_row = row < matrix.rows;
    let has_column = column < matrix.columns;
    var value = 0.0;
    if (has_row && has_column) {
      value = source_matrix[matrix.source_offset + row * matrix.columns + column];
    }
    if (matrix.form == transposed && has_row && has_column) {
      target_matrix[matrix.target_offset + column * matrix.rows + row] = value;
    } else if (matrix.form == column_quads && has_row) {
      target_matrix[matrix.target_offset + (first_column / 4u * matrix.rows + row) * 4u + column % 4u] = value;
    } else if (matrix.form == row_quads && has_column) {
      target_matrix[matrix.target_offset + (first_row / 4u * matrix.columns + column) * 4u + row % 4u] = value;
    }
  }
}
`,
} as const satisfies KernelDescription;
