// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const packMatrices = {
  name: 'pack-matrices',
  entryPoint: 'main',
  joins: [],
  cell: false,
  constants: {
    group_size: 'u32',
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
        sizeBytes: 64,
        fields: {
          source_offset: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          target_offset: { offsetBytes: 4, sizeBytes: 4, type: 'u32' },
          target_size: { offsetBytes: 8, sizeBytes: 4, type: 'u32' },
          first_group: { offsetBytes: 12, sizeBytes: 4, type: 'u32' },
          end_group: { offsetBytes: 16, sizeBytes: 4, type: 'u32' },
          quad_bits: { offsetBytes: 20, sizeBytes: 4, type: 'u32' },
          tile: { offsetBytes: 24, sizeBytes: 4, type: 'u32' },
          quads: { offsetBytes: 28, sizeBytes: 4, type: 'u32' },
          blocks: { offsetBytes: 32, sizeBytes: 4, type: 'u32' },
          blocks_first: { offsetBytes: 36, sizeBytes: 4, type: 'u32' },
          tiled_size: { offsetBytes: 40, sizeBytes: 4, type: 'u32' },
          lined_size: { offsetBytes: 44, sizeBytes: 4, type: 'u32' },
          tiled_stride: { offsetBytes: 48, sizeBytes: 4, type: 'u32' },
          lined_stride: { offsetBytes: 52, sizeBytes: 4, type: 'u32' },
          block_stride: { offsetBytes: 56, sizeBytes: 4, type: 'u32' },
          swaps: { offsetBytes: 60, sizeBytes: 4, type: 'u32' },
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
// Dispatch: x·y workgroups of 64 threads, each for \`group_size\` neighbouring floats of one matrix's copy;
// \`matrices\` says which matrix a workgroup belongs to (few entries: a linear search). Neighbouring threads write
// neighbours, and read neighbours in quads of columns: the other layouts gather.
// Layouts: source [blocks·units, columns] at source_offset; target at target_offset, in floats:
//   column quads  [tiles, ceil(columns / 4), blocks, tile, 4]: tiles of units, four columns of each
//   row quads     [tiles, blocks, ceil(units / 4), tile, 4]: tiles of columns, four rows of each
//   transposed    [tiles, columns, 1, tile, 1]: quads of one column, one tile of all units or several
//   rows          [tiles, 1, units, tile, 1]: quads of one row
// Units are tiled and columns lined up in quads, or the other way round. What lies outside the source is zero. With
// \`swaps\` number i of a quad stands at i ^ (place in the tile mod 4): lanes that swap what they multiply have their own
// number first.
// What differs between plans is in \`matrices\`, so that all of them share one pipeline.
// Bytes 8 per weight. Where a thread's first number lies takes four divisions; from there it is counted on, since a
// division costs more than a load on a CPU, and twenty instructions on a GPU.

struct Matrix {
  source_offset: u32,
  target_offset: u32,
  target_size: u32,
  first_group: u32,
  end_group: u32,    // no end for the last matrix
  quad_bits: u32,    // a quad has 1 << quad_bits numbers
  tile: u32,         // quads side by side
  quads: u32,        // one behind another
  blocks: u32,
  blocks_first: u32, // 1: a quad of all blocks before the next quad
  tiled_size: u32,   // of the source
  lined_size: u32,
  tiled_stride: u32,
  lined_stride: u32,
  block_stride: u32,
  swaps: u32,        // 0 or 3
}

const group_size: u32 = 1024u; // specialize
const target_is_half: bool = false; // specialize
alias target_number = f32; // f16: target_is_half

const threads: u32 = 64u;

@group(0) @binding(0) var<storage, read> matrices: array<Matrix>;
@group(0) @binding(1) var<storage, read> source_matrix: array<f32>;
@group(0) @binding(2) var<storage, read_write> target_matrix: array<target_number>;

// A number of digits \`sizes\`, the last of which has no end.
fn digits_of(number: u32, sizes: vec3u) -> vec4u {
  let second = number / sizes.x;
  let third = second / sizes.y;
  let fourth = third / sizes.z;
  return vec4u(number, second, third, fourth) - vec4u(vec3u(second, third, fourth) * sizes, 0u);
}

fn sum_of_digits(a: vec4u, b: vec4u, sizes: vec3u) -> vec4u {
  var sum = a + b;
  let carries_x = sum.x >= sizes.x;
  sum.x -= select(0u, sizes.x, carries_x);
  sum.y += u32(carries_x);
  let carries_y = sum.y >= sizes.y;
  sum.y -= select(0u, sizes.y, carries_y);
  sum.z += u32(carries_y);
  let carries_z = sum.z >= sizes.z;
  sum.z -= select(0u, sizes.z, carries_z);
  sum.w += u32(carries_z);
  return sum;
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = group.y * groups.x + group.x;
  var which = 0u;
  while (matrices[which].end_group <= index) {
    which++;
  }
  let matrix = matrices[which];
  let begin = (index - matrix.first_group) * group_size;
  let end = min(begin + group_size, matrix.target_size);
  let blocks_first = matrix.blocks_first == 1u;
  let inner = select(vec2u(matrix.quads, matrix.blocks), vec2u(matrix.blocks, matrix.quads), blocks_first);
  // In a tile's row of quads, then quad and block, then tile.
  let sizes = vec3u(matrix.tile << matrix.quad_bits, inner);
  let step = digits_of(threads, sizes);
  var place = digits_of(begin + lane, sizes);
  for (var at = begin + lane; at < end; at += threads) {
    let across = place.x >> matrix.quad_bits;
    let number = (place.x ^ (across & matrix.swaps)) & ((1u << matrix.quad_bits) - 1u);
    let quad = select(place.y, place.z, blocks_first);
    let block = select(place.z, place.y, blocks_first);
    let tiled = place.w * matrix.tile + across;
    let lined = (quad << matrix.quad_bits) + number;
    var value = 0.0;
    if (tiled < matrix.tiled_size && lined < matrix.lined_size) {
      value = source_matrix[matrix.source_offset + tiled * matrix.tiled_stride + lined * matrix.lined_stride + block * matrix.block_stride];
    }
    target_matrix[matrix.target_offset + at] = target_number(value);
    place = sum_of_digits(place, step, sizes);
  }
}
`,
} as const satisfies KernelDescription;
