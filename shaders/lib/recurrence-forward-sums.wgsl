// Recurrence, forward: the sums of a time step's gates, of a tile of units, and what they are made of. Bindings and
// tile are those of kernels/recurrence-forward.
//! join lib/quads
//! join lib/recurrence
//! join lib/recurrence-sums

fn hold_weights(track: Track, lane: u32, slice: u32) {
  var at = 0u;
  for (var q = 0u; q < held_quads; q++) {
    let k4 = min(q * slices + slice, hidden_quads - 1u);
    let is_inside = q * slices + slice < hidden_quads;
    for (var n = 0u; n < units; n++) {
      for (var g = 0u; g < gates; g++) {
        held[at] = select(vec4f(), vec4f(weight[track.place.z][k4][g][n][lane]), is_inside);
        at++;
      }
    }
  }
  for (var n = 0u; n < units; n++) {
    for (var g = 0u; g < gates; g++) {
      held_bias[n * gates + g] = select(0.0, bias_of(track, g, min(n * lanes + lane, hidden_size - 1u)), slice == 0u);
    }
  }
}

// What is added to the product of a gate.
fn bias_of(track: Track, g: u32, unit: u32) -> f32 {
  var b = bias[track.source.z + g * hidden_size + unit];
  if (gathers && !gradients_apart) { // static: the two biases only ever occur as a sum
    b += input_bias[track.source.w + g * hidden_size + unit];
  }
  return b;
}

// What an earlier dispatch has handed on.
fn carry_old_state(track: Track, first_row: u32, local: u32) {
  let begin = track.place.x + select(0u, vector_begin_of(masked_phase), has_mask) + slot(track.walk.x, track.runs_reverse);
  for (var i = local; i < rows * hidden_size; i += threads) {
    let row = min(first_row + i / hidden_size, batch - 1u);
    carried[i / hidden_size * padded_size + i % hidden_size] = f32(history[begin + row * hidden_size + i % hidden_size]);
  }
}

// Where the vector begins that a phase multiplies: the old state, behind phase 0 what the phase before has made.
fn vector_of(track: Track, moment: Moment, phase: u32) -> u32 {
  var old = select(track.place.x + moment.before, track.source.y, starts_alone);
  if (has_mask) { // static
    old = track.place.x + vector_begin_of(masked_phase) + moment.before;
  }
  return select(track.place.x + vector_begin_of(phase) - section_size + moment.after, old, phase == 0u);
}

// A number of the vector; zero behind its end, where weights are padded.
fn vector_at(phase: u32, begin: u32, k: u32) -> f32 {
  if (starts_alone && phase == 0u) {
    return select(0.0, given[begin + k], !has_tail || k < hidden_size);
  }
  if (has_tail) { // static
    return select(0.0, f32(history[begin + k]), k < hidden_size);
  } else {
    return f32(history[begin + k]);
  }
}

fn vector_quad(phase: u32, begin: u32, k: u32) -> vec4f {
  return vec4f(vector_at(phase, begin, k), vector_at(phase, begin, k + 1u), vector_at(phase, begin, k + 2u), vector_at(phase, begin, k + 3u));
}

// Brings what a phase multiplies into workgroup memory, where it `stages`.
fn stage_vector(phase: u32, vector_begin: u32, first_row: u32, local: u32) { // inline
  if (stages && phase_gates[phase] < phase_gates[phase + 1u]) { // static
    var i = local;
    loop {
      if (threads <= rows * hidden_quads || i < rows * hidden_quads) {
        if (carries) { // static
          staged[i] = vec4f(carried[4u * i], carried[4u * i + 1u], carried[4u * i + 2u], carried[4u * i + 3u]);
        } else {
          let begin = vector_begin + min(first_row + i / hidden_quads, batch - 1u) * hidden_size;
          staged[i] = vector_quad(phase, begin, i % hidden_quads * 4u);
        }
      }
      continuing {
        i += threads;
        break if i >= rows * hidden_quads;
      }
    }
    workgroupBarrier();
  }
}

// The sums of a tile of units, whole in workgroup memory or in the thread that needs them.
fn sum_tile(sums: ptr<function, array<f32, item_sums>>, phase: u32, vector_begin: u32, base: u32, first_row: u32, lane: u32, slice: u32,
    moment: Moment, longest: u32, track: Track) { // inline
  var acc: array<f32, item_sums>; // registers
  for (var n = 0u; n < units; n++) { // unroll
    let unit = min(base + n * lanes + lane, hidden_size - 1u);
    for (var g = phase_gates[phase]; g < phase_gates[phase + 1u]; g++) { // unroll
      var b = 0.0;
      if (holds) { // static
        b = held_bias[n * gates + g];
      } else {
        b = bias_of(track, g, unit);
        if (slices > 1u) { // static
          b = select(0.0, b, slice == 0u);
        }
      }
      for (var r = 0u; r < rows; r++) { // unroll
        acc[(r * units + n) * gates + g] = b;
      }
    }
  }
  if (multiplies && phase_gates[phase] < phase_gates[phase + 1u]) { // static
    if (!has_lengths || moment.t < longest) {
      multiply(&acc, phase, track.place.z + base / tile_units, vector_begin, first_row, lane, slice);
    }
  }
  meet_sums(&acc, sums, lane, slice);
}

fn multiply(acc: ptr<function, array<f32, item_sums>>, phase: u32, tile: u32, vector_begin: u32, first_row: u32, lane: u32, slice: u32) { // inline
  var row_begin: array<u32, rows>; // registers
  for (var r = 0u; r < rows; r++) { // unroll
    row_begin[r] = vector_begin + min(first_row + r, batch - 1u) * hidden_size;
  }
  if (rounds == 1u) { // static
    multiply_round(acc, &row_begin, 0u, phase, tile, lane, slice);
  } else {
    for (var round = 0u; round < select(rounds, state_rounds, phase == 0u); round++) {
      multiply_round(acc, &row_begin, round, phase, tile, lane, slice);
    }
  }
}

fn multiply_round(acc: ptr<function, array<f32, item_sums>>, row_begin: ptr<function, array<u32, rows>>, round: u32, phase: u32, tile: u32,
    lane: u32, slice: u32) { // inline
  for (var u = 0u; u < round_quads; u++) { // unroll
    if (slices == 1u) { // splice
      let k4 = round;
    } else {
      let q4 = (round * round_quads + u) * slices + slice;
      let k4 = min(q4, hidden_quads - 1u);
    }
    var v: array<vec4f, rows>; // registers
    for (var r = 0u; r < rows; r++) { // unroll
      if (stages) { // static
        v[r] = staged[r * hidden_quads + k4];
        if (passes_end) { // static
          v[r] = select(vec4f(), v[r], q4 < hidden_quads);
        }
      } else if (spreads) { // static
        v[r] = swap_quad(vector_at(phase, row_begin[r], 4u * k4 + lane % 4u));
      } else {
        v[r] = vector_quad(phase, row_begin[r], 4u * k4);
      }
    }
    for (var n = 0u; n < units; n++) { // unroll
      for (var g = phase_gates[phase]; g < phase_gates[phase + 1u]; g++) { // unroll
        if (u < held_quads) { // splice
          let w = held[(u * units + n) * gates + g];
        } else {
          let w = vec4f(weight[tile][k4][g][n][lane]);
        }
        for (var r = 0u; r < rows; r++) { // unroll
          acc[(r * units + n) * gates + g] += dot(v[r], w);
        }
      }
    }
  }
}
