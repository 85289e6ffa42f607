// Matrix product C = op(A)·op(B), plus a bias row, with the sums of A's columns on the side (a bias gradient
// rides along with its weight gradient for one addition per load; beside large tiles of a CPU's quads sum-columns adds
// them up, docs/adr/0052-products-apart.md).
//
// Dispatch: x = ceil(n / (lanes_n·columns)), y = ceil(m / (lanes_m·rows)), z = parts of k, each of which
//   writes its partial product `split_stride` behind the one before (summed by sum-splits).
// A thread holds rows × columns sums in registers and walks its part of k, four terms at a time: one
// addition to a sum per four products keeps loop-carried values few, and rounds less.
// Layouts: a [m, k] or transposed, b [k, n] or transposed, c [m, n]; bias [n]; column_sums [m]. Offsets and strides
//   in numbers: a, b and c may be f16. Sizes and strides are uniforms, so that products of different sizes and
//   forms share a pipeline; `has_tail` says that a part of k may be no multiple of four.
// FLOPs 2·m·n·k. Loads per thread and four k: 4·columns + 4·rows, or 4·columns + rows where `spreads`.
//
// How A reaches the lanes, by choice of the scheduler:
//   plain   every lane loads A's numbers: one address for all lanes of a row, broadcast from cache.
//   spreads a quad loads four numbers of A and swaps them, so that each lane adds four terms in an order of its
//           own: for adapters that pay per load. lanes_m is 1.
//   stages  A and B pass through workgroup memory, `stage_k` terms at a time, two barriers each, the next ones on
//           their way meanwhile: GPUs with 64 and more lanes read each number from memory once per workgroup,
//           coalesced, and four at a time from workgroup memory. rows and columns come in fours.
// Neighbouring lanes take neighbouring columns, or fours of them: b and c are coalesced in all of them.
// `slices` threads share their sums, without stages: each takes every so manieth four terms of k, and the partial
// sums meet in workgroup memory. A GPU waits for each load some hundred clocks, and few rows make few threads.
//! join lib/matmul-staged
//! join lib/matmul-sums
//! join lib/matmul-tile

struct MatmulShape {
  m: u32,
  n: u32,
  k: u32,
  a_offset: u32,
  a_row: u32,        // strides of op(A), one of them 1
  a_term: u32,
  b_offset: u32,
  b_term: u32,       // strides of op(B), one of them 1
  b_column: u32,
  b_tile: u32,       // columns that lie so, n where B is one matrix: where b_has_tiles
  b_next_tile: u32,  // from the first of them to the first behind
  c_offset: u32,
  c_stride: u32,
  has_bias: u32,
  has_sums: u32,
  sums_offset: u32,
  split_k: u32,      // terms in a part of k: a multiple of 4, and of stage_k
  split_stride: u32, // floats between the partial products of two parts
}

const walks_rows: bool = false; // specialize: neighbouring lanes stage neighbouring rows of A, not terms
const walks_terms: bool = false; // specialize: … neighbouring terms of B, not columns
const rows: u32 = 4u; // specialize
const columns: u32 = 2u; // specialize
const lanes_m: u32 = 1u; // specialize
const lanes_n: u32 = 4u; // specialize
const has_tail: bool = true; // specialize
const b_has_tiles: bool = false; // specialize
const sums_columns: bool = false; // specialize: where `has_sums` may be 1
const spreads: bool = false; // specialize
const stage_k: u32 = 0u; // specialize
const slices: u32 = 1u; // specialize
const a_is_half: bool = false; // specialize
const b_is_half: bool = false; // specialize
const c_is_half: bool = false; // specialize
alias a_number = f32; // f16: a_is_half
alias b_number = f32; // f16: b_is_half
alias c_number = f32; // f16: c_is_half

const tile_m = lanes_m * rows;
const tile_n = lanes_n * columns;
const tile_sums = rows * columns;
const lanes = lanes_m * lanes_n;

// What is staged of a term: quads of lines, and one more between terms, which keeps lanes that stage terms off each
// other's banks. A thread loads so many quads of a round.
const a_quads = tile_m / 4u;
const b_quads = tile_n / 4u;
const a_stride = a_quads + 1u;
const b_stride = b_quads + 1u;
const a_loads = max(stage_k * a_quads / lanes, 1u);
const b_loads = max(stage_k * b_quads / lanes, 1u);

@group(0) @binding(0) var<uniform> shape: MatmulShape;
@group(0) @binding(1) var<storage, read> a: array<a_number>;
@group(0) @binding(2) var<storage, read> b: array<b_number>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<c_number>;
@group(0) @binding(5) var<storage, read_write> column_sums: array<f32>;

var<workgroup> a_stage: array<vec4f, max(stage_k, 1u) * a_stride>;
var<workgroup> b_stage: array<vec4f, max(stage_k, 1u) * b_stride>;
var<workgroup> sliced: array<f32, slices * tile_sums * lanes>;
var<workgroup> sliced_columns: array<f32, slices * lanes_m * rows>;

@compute @workgroup_size(lanes_n, lanes_m, slices)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let local = lane.y * lanes_n + lane.x;
  if (slices > 1u) { // splice
    let slice = lane.z;
  } else {
    const slice = 0u;
  }
  let first_row = (group.y * lanes_m + lane.y) * rows;
  let first_column = group.x * tile_n + column_of(lane.x, 0u);
  let k_begin = group.z * shape.split_k;
  let k_end = min(k_begin + shape.split_k, shape.k);
  var acc: array<f32, tile_sums>; // registers
  var sum: array<f32, rows>; // registers

  if (stage_k > 0u) { // static
    add_staged(&acc, &sum, k_begin, k_end, group, lane, local);
  } else {
    add_plain(&acc, &sum, first_row, first_column, k_begin, k_end, slice);
  }
  keep_tile(&acc, &sum, first_row, first_column, group.z, lane, local, slice);
}
