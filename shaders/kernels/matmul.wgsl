// Matrix product C = op(A)·B, plus a bias row, A plain or transposed, with the sums of A's columns on the
// side (a bias gradient rides along with its weight gradient for one addition per load).
//
// Dispatch: x = ceil(n / (lanes_n·columns)), y = ceil(m / (lanes_m·rows)); a thread holds rows × columns
// sums in registers and walks all of k. No barrier, no workgroup memory.
// Layouts: a [m, k] with row stride a_stride, or [k, m] where transposes_a; b [k, n]; c [m, n] at c_offset;
//   bias [n]; column_sums [m]. Offsets and strides in floats.
// FLOPs 2·m·n·k. Loads per thread and k: rows + columns for rows·columns multiply-adds.
//
// Right for: neighbouring lanes take neighbouring columns, so b is read coalesced and a is the same address
// for all lanes of a row (broadcast from cache). lanes_n·lanes_m = 64 with 8×4 tiles suits real GPUs; 4
// lanes with 16×8 tiles suit a 4-wide software adapter. The scheduler chooses from the adapter's width.

const m: u32 = 8u; // specialize
const n: u32 = 8u; // specialize
const k: u32 = 8u; // specialize
const transposes_a: bool = false; // specialize
const a_offset: u32 = 0u; // specialize
const a_stride: u32 = 8u; // specialize
const b_offset: u32 = 0u; // specialize
const b_stride: u32 = 8u; // specialize
const c_offset: u32 = 0u; // specialize
const c_stride: u32 = 8u; // specialize
const rows: u32 = 2u; // specialize
const columns: u32 = 2u; // specialize
const lanes_m: u32 = 1u; // specialize
const lanes_n: u32 = 4u; // specialize
const k_unroll: u32 = 4u; // specialize
const has_bias: bool = true; // specialize
const sums_columns: bool = false; // specialize
const sums_offset: u32 = 0u; // specialize

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
@group(0) @binding(4) var<storage, read_write> column_sums: array<f32>;

@compute @workgroup_size(lanes_n, lanes_m)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let first_row = (group.y * lanes_m + lane.y) * rows;
  let first_column = group.x * lanes_n * columns + lane.x;
  var acc: array<f32, rows * columns>; // registers
  var sum: array<f32, rows>; // registers
  var row_begin: array<u32, rows>; // registers
  var column_begin: array<u32, columns>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    row_begin[r] = a_offset + min(first_row + r, m - 1u) * select(a_stride, 1u, transposes_a);
  }
  for (var j = 0u; j < columns; j++) { // unroll
    column_begin[j] = b_offset + min(first_column + j * lanes_n, n - 1u);
  }

  for (var i = 0u; i < k; i += k_unroll) {
    for (var ii = 0u; ii < k_unroll; ii++) { // unroll
      var left: array<f32, rows>; // registers
      for (var r = 0u; r < rows; r++) { // unroll
        left[r] = a[row_begin[r] + (i + ii) * select(1u, a_stride, transposes_a)];
        if (sums_columns) {
          sum[r] += left[r];
        }
      }
      for (var j = 0u; j < columns; j++) { // unroll
        let right = b[column_begin[j] + (i + ii) * b_stride];
        for (var r = 0u; r < rows; r++) { // unroll
          acc[r * columns + j] += left[r] * right;
        }
      }
    }
  }

  // Written in a loop of its own, not unrolled: the guarded stores would be most of the code.
  var tile: array<f32, rows * columns>;
  for (var t = 0u; t < rows * columns; t++) { // unroll
    tile[t] = acc[t];
  }
  for (var t = 0u; t < rows * columns; t++) {
    let row = first_row + t / columns;
    let column = first_column + t % columns * lanes_n;
    if (row < m && column < n) {
      var value = tile[t];
      if (has_bias) {
        value += bias[column];
      }
      c[c_offset + row * c_stride + column] = value;
    }
  }
  if (sums_columns && first_column == 0u) {
    for (var r = 0u; r < rows; r++) { // unroll
      if (first_row + r < m) {
        column_sums[sums_offset + first_row + r] = sum[r];
      }
    }
  }
}
