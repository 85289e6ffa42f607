// Recurrence, forward: the sums of a time step's gates, of a tile of units. Bindings and tile are those
// of kernels/recurrence-forward.
//! join lib/quads
//! join lib/recurrence-forward-vector
//! join lib/recurrence-sums

fn hold_weights(track: Track, lane: u32, slice: u32) {
  // k innermost: a row of the weights is read from front to back.
  for (var n = 0u; n < units; n++) {
    for (var g = 0u; g < gates; g++) {
      for (var q = 0u; q < held_quads; q++) {
        let k4 = min(q * slices + slice, hidden_quads - 1u);
        let is_inside = q * slices + slice < hidden_quads;
        held[(q * units + n) * gates + g] = select(vec4f(), vec4f(weight[track.place.z][k4][g][n][lane]), is_inside);
      }
    }
  }
  for (var n = 0u; n < units; n++) {
    for (var g = 0u; g < gates; g++) {
      held_bias[n * gates + g] = select(0.0, bias_of(track, g, min(n * lanes + lane, hidden_size - 1u)), slice == 0u);
    }
  }
}

// The sums of a tile of units, whole in workgroup memory or in the thread that needs them.
fn sum_tile(acc: ptr<function, array<f32, item_sums>>, phase: u32, vector_begin: u32, base: u32, first_row: u32, lane: u32, slice: u32,
    moment: Moment, longest: u32, track: Track) { // inline
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
    if ((!has_lengths || moment.t < longest) && (!projects || phase == 0u || base < state_size)) {
      multiply(acc, phase, track.place.z + base / tile_units, vector_begin, first_row, lane, slice);
    }
  }
  meet_sums(acc, lane, slice);
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
        v[r] = swap_quad(vector_at(phase, row_begin[r], 4u * k4 + (lane & 3u)));
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

// The sums of a cell step.
fn take_sums(step: ptr<function, CellStep>, sums: ptr<function, array<f32, item_sums>>, i: u32, phase: u32, lane: u32) { // inline
  for (var g = phase_gates[max(phase, input_lag) - input_lag]; g < phase_gates[phase + 1u - min(phase + 1u, input_lag)]; g++) { // unroll
    if (sums_meet) { // static
      step.u[g] = add_slices(i * gates + g, lane);
    } else {
      step.u[g] = sums[select(i, 0u, rows * units == 1u) * gates + g];
    }
  }
}

// Products that the next phase normalises.
fn keep_products(sums: ptr<function, array<f32, item_sums>>, i: u32, phase: u32, item: Item, lane: u32, moment: Moment, track: Track) { // inline
  for (var g = phase_gates[phase]; g < phase_gates[phase + 1u]; g++) { // unroll
    var product = sums[i * gates + g];
    if (sums_meet) { // static
      product = add_slices(i * gates + g, lane);
    }
    if (has_lengths) { // static
      product = select(0.0, product, moment.t < bitcast<u32>(given[track.place.w + item.row]));
    }
    saved[item.saved_at + (norm_saved[phase + 1u] + g - phase_gates[phase]) * hidden_size] = to_number(product);
  }
}
