// Where a thread's sums of a product go. Bindings and tile are those of kernels/matmul.
//! join lib/half

// Adds up what slices share, and writes.
fn keep_tile(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, first_row: u32, first_column: u32, part: u32,
    lane: vec3u, local: u32, slice: u32) { // inline
  if (slices > 1u) { // static
    keep_shared(acc, sum, first_row, first_column, part, lane, local, slice);
  } else {
    keep_own(acc, sum, first_row, first_column, part);
  }
}

// Sums of one thread, row by row. The rows are not unrolled: the guarded stores would be most of the code. The columns
// are, so that each has its bias at hand.
fn keep_own(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, first_row: u32, first_column: u32, part: u32) { // inline
  var tile = *acc;
  var row_bias: array<f32, columns>; // registers
  if (shape.has_bias == 1u) {
    for (var j = 0u; j < columns; j++) { // unroll
      row_bias[j] = bias[min(first_column + column_of(0u, j), shape.n - 1u)];
    }
  }
  let end = min(rows, shape.m - min(first_row, shape.m));
  for (var r = 0u; r < end; r++) {
    let begin = place_of(part, first_row + r, first_column);
    for (var j = 0u; j < columns; j++) { // unroll
      if (first_column + column_of(0u, j) < shape.n) {
        keep(begin + column_of(0u, j), tile[r * columns + j] + row_bias[j]);
      }
    }
  }
  if (sums_columns) { // static
    var sums = *sum;
    if (shape.has_sums == 1u && first_column == 0u) {
      for (var r = 0u; r < end; r++) {
        column_sums[part * shape.m + shape.sums_offset + first_row + r] = sums[r];
      }
    }
  }
}

// Sums that `slices` threads have parts of: each adds up and writes every so manieth.
fn keep_shared(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, first_row: u32, first_column: u32, part: u32,
    lane: vec3u, local: u32, slice: u32) { // inline
  for (var t = 0u; t < tile_sums; t++) { // unroll
    sliced[(slice * tile_sums + t) * lanes + local] = acc[t];
  }
  if (sums_columns) { // static: all lanes of a row have its sum
    if (lane.x == 0u) {
      for (var r = 0u; r < rows; r++) { // unroll
        sliced_columns[(slice * lanes_m + lane.y) * rows + r] = sum[r];
      }
    }
  }
  workgroupBarrier();
  for (var t = slice; t < tile_sums; t += slices) {
    let to_row = first_row + t / columns;
    let to_column = first_column + t % columns * lanes_n;
    if (to_row < shape.m && to_column < shape.n) {
      var value = 0.0;
      for (var other = 0u; other < slices; other++) { // unroll
        value += sliced[(other * tile_sums + t) * lanes + local];
      }
      if (shape.has_bias == 1u) {
        value += bias[to_column];
      }
      keep(place_of(part, to_row, to_column), value);
    }
  }
  if (sums_columns) { // static
    if (shape.has_sums == 1u && first_column == 0u) {
      for (var r = slice; r < min(rows, shape.m - min(first_row, shape.m)); r += slices) {
        var value = 0.0;
        for (var other = 0u; other < slices; other++) { // unroll
          value += sliced_columns[(other * lanes_m + lane.y) * rows + r];
        }
        column_sums[part * shape.m + shape.sums_offset + first_row + r] = value;
      }
    }
  }
}

// A lane's column, counted from the tile's first. Staged columns are dealt out in fours.
fn column_of(lane: u32, column: u32) -> u32 {
  if (stage_k > 0u) { // static
    return column / 4u * 4u * lanes_n + 4u * lane + column % 4u;
  } else {
    return column * lanes_n + lane;
  }
}

fn place_of(part: u32, row: u32, column: u32) -> u32 {
  return part * shape.split_stride + shape.c_offset + row * shape.c_stride + column;
}

fn keep(place: u32, value: f32) {
  if (c_is_half) { // static
    c[place] = c_number(to_half_range(value));
  } else {
    c[place] = c_number(value);
  }
}
