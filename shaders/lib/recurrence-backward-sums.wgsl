// Recurrence, backward: the gradients of a tile of states through the weights, and what they are made of. Bindings and
// tile are those of kernels/recurrence-backward.
//! join lib/quads
//! join lib/recurrence
//! join lib/recurrence-sums

// Where the gates' gradients lie that come back through the weights: the last phase receives them through phase 0 of
// the following step, the others through the next phase.
struct Source {
  exists: bool,
  t: u32,
  begin: u32,
}

fn source_of(track: Track, moment: Moment, phase: u32) -> Source {
  let position = select(moment.position + 1u, moment.position, phase + 1u < phases || !moment.is_step);
  let t = time_of(position, track.runs_reverse);
  return Source(position < steps, t, track.place.x + t * batch * gate_size);
}

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

// What an earlier dispatch has handed on; nothing comes before the last step.
fn carry_old_gradients(track: Track, first_row: u32, local: u32) {
  let next = steps - min(track.walk.x, steps);
  if (next < steps) {
    let begin = track.place.x + time_of(next, track.runs_reverse) * batch * gate_size;
    for (var i = local; i < rows * gates * hidden_size; i += threads) {
      let row = min(first_row + i / (gates * hidden_size), batch - 1u);
      let column = i % (gates * hidden_size);
      carried[i / hidden_size * padded_size + i % hidden_size] = f32(d_recurrent[begin + row * gate_size + column]);
    }
  }
}

// The gradients of a tile of states through the weights.
fn sum_tile(sums: ptr<function, array<f32, item_sums>>, phase: u32, source: Source, base: u32, first_row: u32, local: u32, lane: u32, slice: u32,
    longest: u32, track: Track) { // inline
  let next = (phase + 1u) % phases;
  var acc: array<f32, item_sums>; // registers
  if (multiplies && phase_gates[next] < phase_gates[next + 1u]) { // static
    if (source.exists && (!has_lengths || source.t < longest)) {
      multiply(&acc, next, track.place.z + base / tile_units, source.begin, first_row, local, lane, slice);
    }
  }
  meet_sums(&acc, sums, lane, slice);
}

fn multiply(acc: ptr<function, array<f32, item_sums>>, next: u32, tile: u32, source_begin: u32, first_row: u32, local: u32, lane: u32,
    slice: u32) { // inline
  var row_begin: array<u32, rows>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    row_begin[r] = source_begin + min(first_row + r, batch - 1u) * gate_size;
  }
  if (!stages && slices == 1u) { // static: loops in loops with so many sums are built slowly
    var g = phase_gates[next];
    var k4 = 0u;
    for (var i = 0u; i < (phase_gates[next + 1u] - phase_gates[next]) * hidden_quads; i++) {
      multiply_quad(acc, &row_begin, 0u, g, 0u, k4, true, tile, lane);
      let is_last = k4 + 1u == hidden_quads;
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
    if (stages_all && slices > 1u) { // static
      if (rounds == 1u) { // static
        multiply_round(acc, &row_begin, 0u, next, tile, lane, slice);
      } else {
        for (var round = 0u; round < rounds; round++) {
          multiply_round(acc, &row_begin, round, next, tile, lane, slice);
        }
      }
    } else {
      for (var g = first_gate; g < min(first_gate + staged_gates, phase_gates[next + 1u]); g++) {
        for (var k4 = slice; k4 < hidden_quads; k4 += slices) {
          multiply_quad(acc, &row_begin, 0u, g, g - first_gate, k4, true, tile, lane);
        }
      }
    }
  }
  }
}

// The gradients of some gates into workgroup memory.
fn stage_gradients(first_gate: u32, source_begin: u32, first_row: u32, local: u32) {
  for (var i = local; i < rows * staged_quads; i += threads) {
    let g = min(first_gate + i % staged_quads / hidden_quads, gates - 1u);
    let k = i % hidden_quads * 4u;
    if (carries) { // static
      let begin = (i / staged_quads * gates + g) * padded_size + k;
      staged[i] = vec4f(carried[begin], carried[begin + 1u], carried[begin + 2u], carried[begin + 3u]);
    } else {
      staged[i] = gradient_quad(source_begin + min(first_row + i / staged_quads, batch - 1u) * gate_size + g * hidden_size, k);
    }
  }
}

// A gate's gradient in a unit; zero behind the last unit, where weights are padded.
fn gradient_at(begin: u32, k: u32) -> f32 {
  if (has_tail) { // static
    return select(0.0, f32(d_recurrent[begin + k]), k < hidden_size);
  } else {
    return f32(d_recurrent[begin + k]);
  }
}

fn gradient_quad(begin: u32, k: u32) -> vec4f {
  return vec4f(gradient_at(begin, k), gradient_at(begin, k + 1u), gradient_at(begin, k + 2u), gradient_at(begin, k + 3u));
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
      v[r] = swap_quad(gradient_at(row_begin[r] + g * hidden_size, 4u * k4 + lane % 4u));
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
