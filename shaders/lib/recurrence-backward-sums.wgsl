// Recurrence, backward: the gradients of a tile of states through the weights. Bindings and tile are those
// of kernels/recurrence-backward.
//! join lib/quads
//! join lib/recurrence-backward-source
//! join lib/recurrence-sums

// Whether a thread takes one quad of k after another from memory.
const walks_plainly: bool = !stages && slices == 1u;

fn hold_weights(track: Track, lane: u32, slice: u32) {
  var at = 0u;
  for (var g = 0u; g < gates; g++) {
    for (var q = 0u; q < held_quads; q++) {
      let k4 = min(q * slices + slice, hidden_quads - 1u);
      let is_inside = q * slices + slice < hidden_quads;
      for (var n = 0u; n < units; n++) {
        held[at] = select(vec4f(), vec4f(weight[track.place.z][g][k4][n][lane]), is_inside);
        at++;
      }
    }
  }
}

// The gradients of a tile of states through the weights.
fn sum_tile(acc: ptr<function, array<f32, item_sums>>, phase: u32, source: Source, base: u32, first_row: u32, local: u32, lane: u32, slice: u32,
    longest: u32, track: Track) { // inline
  let next = (phase + 1u) % phases;
  if (multiplies && phase_gates[next] < phase_gates[next + 1u]) { // static
    let exists = source.exists && (!has_lengths || source.t < longest) && (!projects || next > 0u || base < state_size);
    let tile = track.place.z + base / tile_units;
    if (walks_plainly) { // static: a branch around so many sums takes long to build
      multiply(acc, exists, next, tile, source.begin, first_row, local, lane, slice);
    } else {
      if (exists) {
        multiply(acc, true, next, tile, source.begin, first_row, local, lane, slice);
      }
    }
  }
  meet_sums(acc, lane, slice);
}

fn multiply(acc: ptr<function, array<f32, item_sums>>, exists: bool, next: u32, tile: u32, source_begin: u32, first_row: u32, local: u32,
    lane: u32, slice: u32) { // inline
  var row_begin: array<u32, rows>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    row_begin[r] = source_begin + min(first_row + r, batch - 1u) * gate_size;
  }
  if (walks_plainly) { // static: loops in loops around so many sums are built slowly
    const quads = select(hidden_quads, state_quads, next > 0u);
    var g = phase_gates[next];
    var k4 = 0u;
    let count = select(0u, (phase_gates[next + 1u] - phase_gates[next]) * quads, exists);
    for (var i = 0u; i < count; i++) {
      multiply_quad(acc, &row_begin, 0u, g, 0u, k4, true, tile, lane);
      let is_last = k4 + 1u == quads;
      g += select(0u, 1u, is_last);
      k4 = select(k4 + 1u, 0u, is_last);
    }
  } else {
    for (var first_gate = phase_gates[next]; first_gate < phase_gates[next + 1u]; first_gate += staged_gates) {
      if (stages) { // static
        if (!carries || unit_tile > tile_units || staged_gates < gates) { // static: what is staged may still be read
          workgroupBarrier();
        }
        stage_gradients(first_gate, source_begin, first_row, local);
        workgroupBarrier();
      }
      multiply_gates(acc, &row_begin, first_gate, next, tile, lane, slice);
    }
  }
}

// The gates that are staged together: where those are all of a phase, slices walk k in rounds.
fn multiply_gates(acc: ptr<function, array<f32, item_sums>>, row_begin: ptr<function, array<u32, rows>>, first_gate: u32, next: u32, tile: u32,
    lane: u32, slice: u32) { // inline
  if (holds || (stages && slices > 1u && phase_gates[next + 1u] - phase_gates[next] <= staged_gates)) { // static
    if (rounds == 1u) { // static
      multiply_round(acc, row_begin, 0u, next, tile, lane, slice);
    } else {
      for (var round = 0u; round < rounds; round++) {
        multiply_round(acc, row_begin, round, next, tile, lane, slice);
      }
    }
  } else {
    for (var g = first_gate; g < min(first_gate + staged_gates, phase_gates[next + 1u]); g++) {
      for (var k4 = slice; k4 < select(hidden_quads, state_quads, next > 0u); k4 += slices) {
        multiply_quad(acc, row_begin, 0u, g, g - first_gate, k4, true, tile, lane);
      }
    }
  }
}

// A slice's quads of k of a round, of all gates.
fn multiply_round(acc: ptr<function, array<f32, item_sums>>, row_begin: ptr<function, array<u32, rows>>, round: u32, next: u32, tile: u32, lane: u32,
    slice: u32) { // inline
  for (var g = phase_gates[next]; g < phase_gates[next + 1u]; g++) { // unroll
    for (var u = 0u; u < round_quads; u++) { // unroll
      let q4 = (round * round_quads + u) * slices + slice;
      let k4 = min(q4, hidden_quads - 1u);
      let is_inside = q4 < hidden_quads;
      multiply_quad(acc, row_begin, u, g, g - phase_gates[next], k4, is_inside, tile, lane);
    }
  }
}

fn multiply_quad(acc: ptr<function, array<f32, item_sums>>, row_begin: ptr<function, array<u32, rows>>, u: u32, g: u32, staged_gate: u32, k4: u32,
    is_inside: bool, tile: u32, lane: u32) { // inline
  var v: array<vec4f, rows>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    if (stages) { // static
      v[r] = staged[r * staged_quads + staged_gate * hidden_quads + k4];
      if (passes_end) { // static
        v[r] = select(vec4f(), v[r], is_inside);
      }
    } else if (spreads) { // static
      v[r] = swap_quad(gradient_at(row_begin[r] + g * hidden_size, 4u * k4 + (lane & 3u)));
    } else {
      v[r] = gradient_quad(row_begin[r] + g * hidden_size, 4u * k4);
    }
  }
  for (var n = 0u; n < units; n++) { // unroll
    if (u < held_quads) { // splice
      let w = held[(g * held_quads + u) * units + n];
    } else {
      let w = vec4f(weight[tile][g][k4][n][lane]);
    }
    for (var r = 0u; r < rows; r++) { // unroll
      acc[r * units + n] += dot(v[r], w);
    }
  }
}

// An item's gradient through the weights.
fn take_through(through: ptr<function, f32>, sums: ptr<function, array<f32, item_sums>>, i: u32, lane: u32) { // inline
  if (sums_meet) { // static
    *through = add_slices(i, lane);
  } else {
    *through = sums[select(i, 0u, item_sums == 1u)];
  }
}
