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
    segments: 'u32',
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
  source: `// Sorts positions by token (a stable counting sort), so that an embedding's gradient is a sum over known
// rows: deterministic, without atomics.
//
// Dispatch: one workgroup. A thread owns every so manieth token value and scans all positions twice; where there are
// threads for it, \`segments\` of them share a value, each with its part of the positions.
// Layouts: indices [row_count]; starts [table_rows + 1]; order [row_count].
// Two barriers, four with segments. Loads 2·row_count·ceil(table_rows / threads) per thread: made for vocabularies
// of no more tokens than threads. A GPU waits for every position it looks at: segments shorten that, and \`ahead\`
// of them are on the way at once. Larger ones go through index-tokens-rank there.

const row_count: u32 = 4u; // specialize
const table_rows: u32 = 4u; // specialize
const threads: u32 = 256u; // specialize
const segments: u32 = 1u; // specialize: above 1 only if segments·table_rows <= threads
const ahead: u32 = 1u; // specialize

const segment_rows: u32 = (row_count + segments - 1u) / segments;

@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read_write> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;

// One number where there are no segments: workgroup memory costs a software adapter time.
const shared_counts: u32 = min(segments - 1u, 1u) * (threads - 1u) + 1u;
var<workgroup> counts: array<u32, shared_counts>; // [segments, table_rows]
var<workgroup> totals: array<u32, shared_counts>;

fn is_token(row: u32, end: u32, token: u32) -> bool {
  if (ahead > 1u) { // static
    return (indices[min(row, row_count - 1u)] == i32(token)) & (row < end);
  } else {
    return indices[row] == i32(token);
  }
}

@compute @workgroup_size(threads)
fn main(@builtin(local_invocation_index) lane: u32) {
  var own = lane;
  var segment = 0u;
  if (segments > 1u) { // static
    own = lane % table_rows;
    segment = lane / table_rows;
  }
  // Threads behind the last segment have no positions.
  let begin = segment * segment_rows;
  let end = min(begin + segment_rows, row_count);
  for (var token = own; token < table_rows; token += threads) {
    var count = 0u;
    for (var row = begin; row < end; row += ahead) {
      for (var i = 0u; i < ahead; i++) { // unroll
        count += select(0u, 1u, is_token(row + i, end, token));
      }
    }
    if (segments > 1u) { // static
      counts[lane] = count;
    } else {
      starts[token + 1u] = count;
    }
  }
  if (segments > 1u) { // static
    workgroupBarrier();
    if (lane < table_rows) {
      var total = 0u;
      for (var other = 0u; other < segments; other++) {
        total += counts[other * table_rows + lane];
      }
      totals[lane] = total;
    }
    workgroupBarrier();
  } else {
    storageBarrier();
  }
  if (lane == 0u) {
    var next = 0u;
    starts[0] = 0u;
    for (var token = 0u; token < table_rows; token++) {
      if (segments > 1u) { // static
        next += totals[token];
      } else {
        next += starts[token + 1u];
      }
      starts[token + 1u] = next;
    }
  }
  storageBarrier();
  for (var token = own; token < table_rows; token += threads) {
    var next = starts[token];
    if (segments > 1u) { // static
      for (var other = 0u; other < segment; other++) {
        next += counts[other * table_rows + token];
      }
    }
    for (var row = begin; row < end; row += ahead) {
      var found: array<bool, ahead>; // registers
      for (var i = 0u; i < ahead; i++) { // unroll
        found[i] = is_token(row + i, end, token);
      }
      for (var i = 0u; i < ahead; i++) { // unroll
        if (found[i]) {
          order[next] = row + i;
          next += 1u;
        }
      }
    }
  }
}
`,
} as const satisfies KernelDescription;
