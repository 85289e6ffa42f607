// A thread's sums of a product whose numbers pass through workgroup memory. Bindings and tile are those of
// kernels/matmul.
//! join lib/matmul-sums

// Through workgroup memory, a round of `stage_k` terms at a time. The next round's numbers are on their way while this
// one's are multiplied: a GPU with a workgroup or two to a processor has nothing else to do meanwhile.
fn add_staged(acc: ptr<function, array<f32, tile_sums>>, sum: ptr<function, array<f32, rows>>, k_begin: u32, k_end: u32, group: vec3u, lane: vec3u,
    local: u32) { // inline
  var a_from: array<vec4u, a_loads>; // registers
  var b_from: array<vec4u, b_loads>; // registers
  for (var l = 0u; l < a_loads; l++) { // unroll
    let line = group.y * tile_m + 4u * staged_quad(local + l * lanes, a_quads, walks_rows);
    a_from[l] = vec4u(row_at(line), row_at(line + 1u), row_at(line + 2u), row_at(line + 3u));
  }
  for (var l = 0u; l < b_loads; l++) { // unroll
    let line = group.x * tile_n + 4u * staged_quad(local + l * lanes, b_quads, !walks_terms);
    b_from[l] = vec4u(column_at(line), column_at(line + 1u), column_at(line + 2u), column_at(line + 3u));
  }
  var a_next: array<vec4f, a_loads>; // registers
  var b_next: array<vec4f, b_loads>; // registers
  load_round(&a_from, &b_from, &a_next, &b_next, k_begin, k_end, local);
  for (var i = k_begin; i < k_end; i += stage_k) {
    workgroupBarrier();
    for (var l = 0u; l < a_loads; l++) { // unroll
      let at = local + l * lanes;
      a_stage[staged_term(at, a_quads, walks_rows) * a_stride + staged_quad(at, a_quads, walks_rows)] = a_next[l];
    }
    for (var l = 0u; l < b_loads; l++) { // unroll
      let at = local + l * lanes;
      b_stage[staged_term(at, b_quads, !walks_terms) * b_stride + staged_quad(at, b_quads, !walks_terms)] = b_next[l];
    }
    workgroupBarrier();
    if (i + stage_k < k_end) {
      load_round(&a_from, &b_from, &a_next, &b_next, i + stage_k, k_end, local);
    }
    for (var term = 0u; term < stage_k; term++) {
      var left: array<f32, rows>; // registers
      for (var q = 0u; q < rows / 4u; q++) { // unroll
        let four = a_stage[term * a_stride + lane.y * (rows / 4u) + q];
        left[4u * q] = four.x;
        left[4u * q + 1u] = four.y;
        left[4u * q + 2u] = four.z;
        left[4u * q + 3u] = four.w;
      }
      if (sums_columns) { // static
        for (var r = 0u; r < rows; r++) { // unroll
          sum[r] += left[r];
        }
      }
      for (var q = 0u; q < columns / 4u; q++) { // unroll
        let right = b_stage[term * b_stride + q * lanes_n + lane.x];
        for (var r = 0u; r < rows; r++) { // unroll
          acc[r * columns + 4u * q] += left[r] * right.x;
          acc[r * columns + 4u * q + 1u] += left[r] * right.y;
          acc[r * columns + 4u * q + 2u] += left[r] * right.z;
          acc[r * columns + 4u * q + 3u] += left[r] * right.w;
        }
      }
    }
  }
}

// A thread's share of a round: four lines of a term at a time.
fn load_round(a_from: ptr<function, array<vec4u, a_loads>>, b_from: ptr<function, array<vec4u, b_loads>>, a_next: ptr<function, array<vec4f, a_loads>>,
    b_next: ptr<function, array<vec4f, b_loads>>, begin: u32, k_end: u32, local: u32) { // inline
  for (var l = 0u; l < a_loads; l++) { // unroll
    let term = begin + staged_term(local + l * lanes, a_quads, walks_rows);
    let at = a_from[l] + term * shape.a_term;
    a_next[l] = vec4f(a_at(at.x, term < k_end), a_at(at.y, term < k_end), a_at(at.z, term < k_end), a_at(at.w, term < k_end));
  }
  for (var l = 0u; l < b_loads; l++) { // unroll
    let at = b_from[l] + b_terms(vec4u(begin + staged_term(local + l * lanes, b_quads, !walks_terms)));
    b_next[l] = vec4f(f32(b[at.x]), f32(b[at.y]), f32(b[at.z]), f32(b[at.w]));
  }
}

// The term of a round, and the four lines of it, that a thread stages: neighbours take what lies side by side, lines or
// terms.
fn staged_term(at: u32, quads: u32, by_line: bool) -> u32 {
  return select(at % max(stage_k, 1u), at / max(quads, 1u), by_line);
}

fn staged_quad(at: u32, quads: u32, by_line: bool) -> u32 {
  return select(at / max(stage_k, 1u), at % max(quads, 1u), by_line);
}
