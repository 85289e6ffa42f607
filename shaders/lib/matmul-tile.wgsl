// Where a thread's sums of a product go. Bindings and tile are those of kernels/matmul.
//! join lib/half

// Adds up what slices share, and writes.
fn keep_tile(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, first_row: u32, first_column: u32, part: u32,
    lane: vec3u, local: u32, slice: u32) { // inline
  // Written in a loop of its own, not unrolled: the guarded stores would be most of the code.
  let part_begin = part * shape.split_stride;
  var tile: array<f32, tile_sums>;
  var sums: array<f32, rows>;
  if (slices > 1u) { // static
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
  } else {
    for (var t = 0u; t < tile_sums; t++) { // unroll
      tile[t] = acc[t];
    }
    for (var r = 0u; r < rows; r++) { // unroll
      sums[r] = sum[r];
    }
  }
  for (var t = slice; t < tile_sums; t += slices) {
    let to_row = first_row + t / columns;
    let to_column = first_column + t % columns * lanes_n;
    if (to_row < shape.m && to_column < shape.n) {
      var value = tile[t];
      if (slices > 1u) { // static
        value = 0.0;
        for (var other = 0u; other < slices; other++) { // unroll
          value += sliced[(other * tile_sums + t) * lanes + local];
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
          for (var other = 0u; other < slices; other++) { // unroll
            value += sliced_columns[(other * lanes_m + lane.y) * rows + r];
          }
        }
        column_sums[part * shape.m + shape.sums_offset + first_row + r] = value;
      }
    }
  }
}
