// Matrix product C = op(A)·op(B), plus a bias row, with the sums of A's columns on the side (a bias gradient
// rides along with its weight gradient for one addition per load).
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
//   stages  A and B pass through workgroup memory, `stage_k` terms at a time, two barriers each: GPUs
//           with 64 and more lanes read each number from memory once per workgroup, coalesced.
// Neighbouring lanes take neighbouring columns: b and c are coalesced in all of them.
// `slices` threads share their sums, without stages: each takes every so manieth four terms of k, and the partial
// sums meet in workgroup memory. A GPU waits for each load some hundred clocks, and few rows make few threads.
//! join lib/half
//! join lib/quads

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
const lanes = lanes_m * lanes_n;

@group(0) @binding(0) var<uniform> shape: MatmulShape;
@group(0) @binding(1) var<storage, read> a: array<a_number>;
@group(0) @binding(2) var<storage, read> b: array<b_number>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<c_number>;
@group(0) @binding(5) var<storage, read_write> column_sums: array<f32>;

var<workgroup> a_stage: array<f32, max(stage_k, 1u) * tile_m>;
var<workgroup> b_stage: array<f32, max(stage_k, 1u) * tile_n>;
var<workgroup> sliced: array<f32, slices * rows * columns * lanes>;
var<workgroup> sliced_columns: array<f32, slices * lanes_m * rows>;

// Where the rows of op(A) and the columns of op(B) begin.
fn row_at(row: u32) -> u32 {
  return shape.a_offset + min(row, shape.m - 1u) * shape.a_row;
}

fn column_at(column: u32) -> u32 {
  return shape.b_offset + min(column, shape.n - 1u) * shape.b_column;
}

// A number of op(A); zero where it is none of this part of k.
fn a_at(at: u32, is_inside: bool) -> f32 {
  if (has_tail) { // static
    return select(0.0, f32(a[at]), is_inside);
  } else {
    return f32(a[at]);
  }
}

// How far terms lie behind the begin of a column of op(B). Those behind the last are multiplied by zero; repeating
// the last one keeps them finite.
fn b_terms(i: vec4u) -> vec4u {
  return shape.b_term * select(i, min(i, vec4u(shape.k - 1u)), has_tail);
}

@compute @workgroup_size(lanes_n, lanes_m, slices)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let local = lane.y * lanes_n + lane.x;
  if (slices > 1u) { // splice
    let slice = lane.z;
  } else {
    const slice = 0u;
  }
  let first_row = (group.y * lanes_m + lane.y) * rows;
  let first_column = group.x * tile_n + lane.x;
  let k_begin = group.z * shape.split_k;
  let k_end = min(k_begin + shape.split_k, shape.k);
  var acc: array<f32, rows * columns>; // registers
  var sum: array<f32, rows>; // registers
  var row: array<u32, rows>; // registers
  var column: array<u32, columns>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    row[r] = row_at(first_row + r);
  }
  for (var j = 0u; j < columns; j++) { // unroll
    column[j] = column_at(first_column + j * lanes_n);
  }

  if (stage_k > 0u) { // static
    for (var i = k_begin; i < k_end; i += stage_k) {
      for (var at = local; at < stage_k * tile_m; at += lanes_n * lanes_m) {
        let term = select(at % max(stage_k, 1u), at / tile_m, walks_rows);
        let line = select(at / max(stage_k, 1u), at % tile_m, walks_rows);
        a_stage[term * tile_m + line] = a_at(row_at(group.y * tile_m + line) + (i + term) * shape.a_term, i + term < k_end);
      }
      for (var at = local; at < stage_k * tile_n; at += lanes_n * lanes_m) {
        let term = select(at / tile_n, at % max(stage_k, 1u), walks_terms);
        let line = select(at % tile_n, at / max(stage_k, 1u), walks_terms);
        b_stage[term * tile_n + line] = f32(b[column_at(group.x * tile_n + line) + b_terms(vec4u(i + term)).x]);
      }
      workgroupBarrier();
      for (var term = 0u; term < stage_k; term++) {
        var left: array<f32, rows>; // registers
        for (var r = 0u; r < rows; r++) { // unroll
          left[r] = a_stage[term * tile_m + lane.y * rows + r];
          if (sums_columns) { // static
            sum[r] += left[r];
          }
        }
        for (var j = 0u; j < columns; j++) { // unroll
          let right = b_stage[term * tile_n + j * lanes_n + lane.x];
          for (var r = 0u; r < rows; r++) { // unroll
            acc[r * columns + j] += left[r] * right;
          }
        }
      }
      workgroupBarrier();
    }
  } else {
    if (spreads) { // splice
      let order = quad_order();
    } else {
      const order = vec4u(0u, 1u, 2u, 3u);
    }
    for (var i = k_begin + 4u * slice; i < k_end; i += 4u * slices) {
      var left: array<vec4f, rows>; // registers
      let own = i + order;
      let is_inside = own < vec4u(k_end);
      let a_term = own * shape.a_term;
      for (var r = 0u; r < rows; r++) { // unroll
        if (spreads) { // static
          left[r] = swap_quad(a_at(row[r] + a_term.x, is_inside.x));
        } else {
          left[r] = vec4f(a_at(row[r] + a_term.x, is_inside.x), a_at(row[r] + a_term.y, is_inside.y),
            a_at(row[r] + a_term.z, is_inside.z), a_at(row[r] + a_term.w, is_inside.w));
        }
      }
      if (sums_columns) { // static
        for (var r = 0u; r < rows; r++) { // unroll
          sum[r] += dot(left[r], vec4f(1.0));
        }
      }
      let b_term = b_terms(own);
      for (var j = 0u; j < columns; j++) { // unroll
        let right = vec4f(f32(b[column[j] + b_term.x]), f32(b[column[j] + b_term.y]), f32(b[column[j] + b_term.z]), f32(b[column[j] + b_term.w]));
        for (var r = 0u; r < rows; r++) { // unroll
          acc[r * columns + j] += dot(left[r], right);
        }
      }
    }
  }

  // Written in a loop of its own, not unrolled: the guarded stores would be most of the code.
  let part_begin = group.z * shape.split_stride;
  var tile: array<f32, rows * columns>;
  var sums: array<f32, rows>;
  if (slices > 1u) { // static
    for (var t = 0u; t < rows * columns; t++) { // unroll
      sliced[(slice * rows * columns + t) * lanes + local] = acc[t];
    }
    if (sums_columns) { // static: all lanes of a row have its sum
      if (lane.x == 0u) {
        for (var r = 0u; r < rows; r++) { // unroll
          sliced_columns[(slice * lanes_m + lane.y) * rows + r] = sum[r];
        }
      }
    }
    workgroupBarrier();
  } else {
    for (var t = 0u; t < rows * columns; t++) { // unroll
      tile[t] = acc[t];
    }
    for (var r = 0u; r < rows; r++) { // unroll
      sums[r] = sum[r];
    }
  }
  for (var t = slice; t < rows * columns; t += slices) {
    let to_row = first_row + t / columns;
    let to_column = first_column + t % columns * lanes_n;
    if (to_row < shape.m && to_column < shape.n) {
      var value = tile[t];
      if (slices > 1u) { // static
        value = 0.0;
        for (var part = 0u; part < slices; part++) { // unroll
          value += sliced[(part * rows * columns + t) * lanes + local];
        }
      }
      if (shape.has_bias == 1u) {
        value += bias[to_column];
      }
      if (c_is_half) { // static
        value = to_half_range(value);
      }
      c[part_begin + shape.c_offset + to_row * shape.c_stride + to_column] = c_number(value);
    }
  }
  if (sums_columns) { // static
    if (shape.has_sums == 1u && first_column == 0u) {
      for (var r = slice; r < min(rows, shape.m - min(first_row, shape.m)); r += slices) {
        var value = sums[r];
        if (slices > 1u) { // static
          value = 0.0;
          for (var part = 0u; part < slices; part++) { // unroll
            value += sliced_columns[(part * lanes_m + lane.y) * rows + r];
          }
        }
        column_sums[group.z * shape.m + shape.sums_offset + first_row + r] = value;
      }
    }
  }
}
