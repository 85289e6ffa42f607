// Recurrent weights of heads: blocks [gates, heads, D, D], H = heads·D, and the dense matrix [gates·H, H] that has
// them on the diagonal of every gate, zeros elsewhere.
//
// Dispatch: one thread per value of the result, 64 threads a workgroup, x·y workgroups.
// Layouts: blocks [gates·H, D], a row per gate and unit as in the dense matrix. `expands`: source are the blocks;
// otherwise the dense matrix, whose blocks are taken out. No FLOPs; bytes 4·(gates·H·D + values of the result).

const hidden_size: u32 = 8u; // specialize
const head_size: u32 = 4u; // specialize
const value_count: u32 = 256u; // specialize
const expands: bool = true; // specialize

@group(0) @binding(0) var<storage, read> source_matrix: array<f32>;
@group(0) @binding(1) var<storage, read_write> target_matrix: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= value_count) {
    return;
  }
  let width = select(head_size, hidden_size, expands);
  let row = index / width;
  let column = index % width;
  let head = row % hidden_size / head_size;
  if (expands) { // static
    if (column / head_size == head) {
      target_matrix[index] = source_matrix[row * head_size + column % head_size];
    } else {
      target_matrix[index] = 0.0;
    }
  } else {
    target_matrix[index] = source_matrix[row * hidden_size + head * head_size + column];
  }
}
