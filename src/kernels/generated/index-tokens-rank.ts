// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const indexTokensRank = {
  name: 'index-tokens-rank',
  entryPoint: 'main',
  joins: [],
  cell: false,
  constants: {
    row_count: 'u32',
    table_rows: 'u32',
    ahead: 'u32',
  },
  bindings: {
    indices: {
      group: 0,
      binding: 0,
      kind: 'storage',
      access: 'read',
      type: 'array<i32>',
    },
    starts: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read_write',
      type: 'array<u32>',
    },
    order: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read_write',
      type: 'array<u32>',
    },
  },
  source: `// Sorts positions by token as index-tokens does: each position counts those that come before it.
//
// Dispatch: one thread per position and per token, and one more; 64 a workgroup, x·y workgroups. No barriers.
// Layouts as index-tokens; behind starts[table_rows] lie the positions of tokens outside the table.
// Loads row_count·(row_count + table_rows), the same for all threads of a subgroup, \`ahead\` of them on the way at once.
//
// Right for: GPUs and large vocabularies, where one workgroup would look at every position for every token
// (docs/adr/0038-indexing-large-vocabularies.md).

const row_count: u32 = 4u; // specialize
const table_rows: u32 = 4u; // specialize
const ahead: u32 = 8u; // specialize

@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read_write> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;

fn token_at(row: u32) -> u32 {
  return min(u32(indices[row]), table_rows);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  let is_position = index < row_count;
  if (index > row_count + table_rows) {
    return;
  }
  let token = select(index - row_count, token_at(min(index, row_count - 1u)), is_position);
  // Of equal tokens those at earlier positions come before a position, none before a token itself.
  let end_of_equal = select(0u, index, is_position);
  var before = 0u;
  for (var row = 0u; row < row_count; row += ahead) {
    for (var i = 0u; i < ahead; i++) { // unroll
      let other = token_at(min(row + i, row_count - 1u));
      let comes_before = other < token || (other == token && row + i < end_of_equal);
      before += select(0u, 1u, comes_before && row + i < row_count);
    }
  }
  if (is_position) {
    order[before] = index;
  } else {
    starts[token] = before;
  }
}
`,
} as const satisfies KernelDescription;
