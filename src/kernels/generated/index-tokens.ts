// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const indexTokens = {
  name: 'index-tokens',
  entryPoint: 'main',
  joins: [],
  cell: false,
  constants: {
    row_count: 'u32',
    table_rows: 'u32',
    threads: 'u32',
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
  source: `// Sorts positions by token (a stable counting sort), so that an embedding's gradient is a sum over known
// rows: deterministic, without atomics.
//
// Dispatch: one workgroup; a thread owns every so manieth token value and scans all positions
// twice. Layouts: indices [row_count]; starts [table_rows + 1]; order [row_count].
// Two barriers. Loads 2·row_count·ceil(table_rows / threads) per thread: made for vocabularies up to some
// tens of thousands.

const row_count: u32 = 4u; // specialize
const table_rows: u32 = 4u; // specialize
const threads: u32 = 256u; // specialize

@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read_write> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;

@compute @workgroup_size(threads)
fn main(@builtin(local_invocation_index) lane: u32) {
  for (var token = lane; token < table_rows; token += threads) {
    var count = 0u;
    for (var row = 0u; row < row_count; row++) {
      count += select(0u, 1u, indices[row] == i32(token));
    }
    starts[token + 1u] = count;
  }
  storageBarrier();
  if (lane == 0u) {
    starts[0] = 0u;
    for (var token = 0u; token < table_rows; token++) {
      starts[token + 1u] += starts[token];
    }
  }
  storageBarrier();
  for (var token = lane; token < table_rows; token += threads) {
    var next = starts[token];
    for (var row = 0u; row < row_count; row++) {
      if (indices[row] == i32(token)) {
        order[next] = row;
        next += 1u;
      }
    }
  }
}
`,
} as const satisfies KernelDescription;
