// Sorts positions by token (a stable counting sort) as index-tokens does, in one thread.
//
// Dispatch: one thread. Layouts as index-tokens.
// Loads 3·row_count + table_rows, each behind a store of the one before.
//
// Right for: software adapters, where a thread does in a hundred nanoseconds what a position takes. A GPU would wait
// most of a microsecond for each.

const row_count: u32 = 4u; // specialize
const table_rows: u32 = 4u; // specialize

@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read_write> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;

@compute @workgroup_size(1)
fn main() {
  for (var at = 0u; at <= table_rows; at++) {
    starts[at] = 0u;
  }
  // How often each token occurs, behind its own place.
  for (var row = 0u; row < row_count; row++) {
    let token = u32(indices[row]);
    if (token < table_rows) {
      starts[token + 1u] += 1u;
    }
  }
  // Where its positions begin: there, too, until they are written, and then where they end.
  var next = 0u;
  for (var token = 0u; token < table_rows; token++) {
    let count = starts[token + 1u];
    starts[token + 1u] = next;
    next += count;
  }
  for (var row = 0u; row < row_count; row++) {
    let token = u32(indices[row]);
    if (token < table_rows) {
      let place = starts[token + 1u];
      order[place] = row;
      starts[token + 1u] = place + 1u;
    }
  }
}
