// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const packMatrices = {
  name: 'pack-matrices',
  entryPoint: 'main',
  joins: [],
  cell: false,
  constants: {
    matrix_count: 'u32',
    group_count: 'u32',
    target_is_half: 'bool',
  },
  bindings: {
    matrices: {
      group: 0,
      binding: 0,
      kind: 'storage',
      access: 'read',
      type: 'array<Matrix>',
      element: {
        sizeBytes: 48,
        fields: {
          source_offset: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          target_offset: { offsetBytes: 4, sizeBytes: 4, type: 'u32' },
          target_size: { offsetBytes: 8, sizeBytes: 4, type: 'u32' },
          first_group: { offsetBytes: 12, sizeBytes: 4, type: 'u32' },
          form: { offsetBytes: 16, sizeBytes: 4, type: 'u32' },
          blocks: { offsetBytes: 20, sizeBytes: 4, type: 'u32' },
          units: { offsetBytes: 24, sizeBytes: 4, type: 'u32' },
          columns: { offsetBytes: 28, sizeBytes: 4, type: 'u32' },
          tile_units: { offsetBytes: 32, sizeBytes: 4, type: 'u32' },
          swaps: { offsetBytes: 36, sizeBytes: 4, type: 'u32' },
          padding0: { offsetBytes: 40, sizeBytes: 4, type: 'u32' },
          padding1: { offsetBytes: 44, sizeBytes: 4, type: 'u32' },
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
      type: 'array<target_number>',
    },
  },
  source: `// Copies matrices into the layouts that kernels read, all weights of a model in one dispatch.
//
// Dispatch: x·y workgroups of 64 threads, each for 1024 neighbouring floats of one matrix's copy; \`matrices\`
// says which matrix a workgroup belongs to (few entries: a linear search). Neighbouring threads write
// neighbours, and read neighbours in quads of columns: the other layouts gather.
// Layouts: source [blocks·units, columns] at source_offset; target at target_offset, in floats:
//   transposed    [columns, blocks·units]
//   column quads  [tiles, ceil(columns / 4), blocks, tile_units, 4]: tiles of units, four columns of each
//   row quads     [tiles, blocks, ceil(units / 4), tile_units, 4]: tiles of columns, four rows of each
// What lies outside the source is zero. With \`swaps\` number i of a quad stands at i ^ (place in the tile mod 4): lanes
// that swap what they multiply have their own number first.
// Bytes 8 per weight.

const transposed: u32 = 0u;
const column_quads: u32 = 1u;

struct Matrix {
  source_offset: u32,
  target_offset: u32,
  target_size: u32,
  first_group: u32,
  form: u32,         // transposed, column quads, or 2: row quads
  blocks: u32,
  units: u32,
  columns: u32,
  tile_units: u32,
  swaps: u32,
  padding0: u32,
  padding1: u32,
}

const matrix_count: u32 = 1u; // specialize
const group_count: u32 = 1u; // specialize
const target_is_half: bool = false; // specialize
alias target_number = f32; // f16: target_is_half

const group_size: u32 = 1024u;

@group(0) @binding(0) var<storage, read> matrices: array<Matrix>;
@group(0) @binding(1) var<storage, read> source_matrix: array<f32>;
@group(0) @binding(2) var<storage, read_write> target_matrix: array<target_number>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = group.y * groups.x + group.x;
  if (index >= group_count) {
    return;
  }
  var which = 0u;
  for (var i = 1u; i < matrix_count; i++) {
    if (matrices[i].first_group <= index) {
      which = i;
    }
  }
  let matrix = matrices[which];
  let begin = (index - matrix.first_group) * group_size;
  let end = min(begin + group_size, matrix.target_size);
  let rows = matrix.blocks * matrix.units;
  for (var at = begin + lane; at < end; at += 64u) {
    var row = at % rows;
    var column = at / rows;
    var exists = true;
    if (matrix.form != transposed) {
      let across = at / 4u % matrix.tile_units;
      let fourth = (at % 4u) ^ (matrix.swaps * (across % 4u));
      let rest = at / 4u / matrix.tile_units;
      if (matrix.form == column_quads) {
        let quads = (matrix.columns + 3u) / 4u;
        let unit = rest / matrix.blocks / quads * matrix.tile_units + across;
        row = rest % matrix.blocks * matrix.units + unit;
        column = rest / matrix.blocks % quads * 4u + fourth;
        exists = unit < matrix.units && column < matrix.columns;
      } else {
        let quads = (matrix.units + 3u) / 4u;
        let unit = rest % quads * 4u + fourth;
        row = rest / quads % matrix.blocks * matrix.units + unit;
        column = rest / quads / matrix.blocks * matrix.tile_units + across;
        exists = unit < matrix.units && column < matrix.columns;
      }
    }
    var value = 0.0;
    if (exists) {
      value = source_matrix[matrix.source_offset + row * matrix.columns + column];
    }
    target_matrix[matrix.target_offset + at] = target_number(value);
  }
}
`,
} as const satisfies KernelDescription;
