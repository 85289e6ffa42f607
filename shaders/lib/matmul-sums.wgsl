// A thread's sums of a product over its part of k. Bindings and tile are those of kernels/matmul.
//! join lib/quads

// Where the rows of op(A) and the columns of op(B) begin.
fn row_at(row: u32) -> u32 {
  return shape.a_offset + min(row, shape.m - 1u) * shape.a_row;
}

fn column_at(column: u32) -> u32 {
  let inside = min(column, shape.n - 1u);
  if (b_has_tiles) { // static
    return shape.b_offset + inside / shape.b_tile * shape.b_next_tile + inside % shape.b_tile * shape.b_column;
  } else {
    return shape.b_offset + inside * shape.b_column;
  }
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

// From memory, four terms at a time.
fn add_plain(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, first_row: u32, first_column: u32, k_begin: u32,
    k_end: u32, slice: u32) { // inline
  var row: array<u32, rows>; // registers
  var column: array<u32, columns>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    row[r] = row_at(first_row + r);
  }
  for (var j = 0u; j < columns; j++) { // unroll
    column[j] = column_at(first_column + j * lanes_n);
  }
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
        if (spreads) { // static: the quad's other numbers are in its other lanes' sums
          sum[r] += left[r].x;
        } else {
          sum[r] += dot(left[r], vec4f(1.0));
        }
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
  if (sums_columns && spreads) { // static
    for (var r = 0u; r < rows; r++) { // unroll
      sum[r] = sum_quad(sum[r]);
    }
  }
}
