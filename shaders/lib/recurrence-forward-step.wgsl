// Recurrence, forward: the cell steps of a thread, from what they read to what they keep. Bindings and tile are those
// of kernels/recurrence-forward.
//! join lib/cell-step
//! join lib/normalize
//! join lib/recurrence
//! join lib/recurrence-sums

// A time step: its position in processing order, its time, where the states before and after it lie in their sections
// and what it saves.
struct Moment {
  position: u32,
  t: u32,
  before: u32,
  after: u32,
  saved_begin: u32,
}

fn moment_of(track: Track, position: u32) -> Moment {
  let t = time_of(position, track.runs_reverse);
  let saved_begin = track.place.y + select(0u, t * saved_size, keeps_saved);
  return Moment(position, t, slot(position, track.runs_reverse), slot(position + 1u, track.runs_reverse), saved_begin);
}

// A unit of a row: where it lies in a state and in what its step saves.
struct Item {
  row: u32,
  unit: u32,
  at: u32,
  saved_at: u32,
}

fn item_of(i: u32, base: u32, first_row: u32, lane: u32, moment: Moment) -> Item {
  let row = first_row + i / units;
  let unit = base + i % units * lanes + lane;
  return Item(row, unit, row * hidden_size + unit, moment.saved_begin + row * saved_values * hidden_size + unit);
}

// Copies the given state into the history.
fn keep_first_state(track: Track, first_row: u32, unit_begin: u32, unit_end: u32, lane: u32, slice: u32) { // inline
  let to = slot(0u, track.runs_reverse);
  for (var unit = unit_begin + lane; unit < unit_end; unit += lanes) {
    for (var r = slice; r < rows; r += slices) {
      if (first_row + r < batch) {
        let at = (first_row + r) * hidden_size + unit;
        for (var s = 0u; s < states; s++) {
          keep_state(track.place.x, s, to + at, given[track.source.y + s * row_size + at]);
        }
        if (has_mask) { // static
          keep_masked(track.place.x, to + at, given[track.source.y + at] * given[track.place.w + mask_begin + at]);
        }
      }
    }
  }
}

fn keep_state(origin: u32, s: u32, at: u32, value: f32) {
  let begin = state_place(origin, s, at);
  let kept = to_number(value);
  history[begin] = kept;
  if (is_half) { // static
    if (s > 0u) {
      history[begin + 1u] = to_number(value - f32(kept));
    }
  }
}

// Keeps the h that the recurrent matmul is to read.
fn keep_masked(origin: u32, at: u32, value: f32) {
  history[origin + vector_begin_of(masked_phase) + at] = to_number(value);
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

// Reads what a cell step needs but for its sums.
fn read_step(step: ptr<function, CellStep>, next_token: ptr<function, u32>, phase: u32, item: Item, moment: Moment, track: Track) { // inline
  var source_row = moment.t * batch + item.row;
  var is_void = false; // a token outside the table: its row becomes NaN, and training stops
  if (gathers) { // static
    if (reads_early) { // splice
      let token = *next_token;
      *next_token = u32(tokens[time_of(min(moment.position + 1u, steps - 1u), track.runs_reverse) * batch + item.row]);
    } else {
      let token = u32(tokens[source_row]);
    }
    is_void = span.table_rows > 0u && token >= span.table_rows;
    source_row = select(source_row, min(token, span.table_rows - 1u), span.table_rows > 0u);
  }
  let projected_at = track.source.x + source_row * input_gates * hidden_size + item.unit;
  for (var g = phase_gates[max(phase, input_lag) - input_lag]; g < phase_gates[phase + 1u - min(phase + 1u, input_lag)]; g++) { // unroll
    if (g < input_gates) { // static
      step.x[g] = f32(projected[projected_at + g * hidden_size]);
      if (gathers && gradients_apart) { // static
        step.x[g] += input_bias[track.source.w + g * hidden_size + item.unit];
      }
      if (gathers) { // static
        step.x[g] = bitcast<f32>(select(bitcast<u32>(step.x[g]), 0x7fc00000u, is_void));
      }
    }
  }
  for (var p = norm_parameters; p < parameters; p++) { // unroll
    step.parameters[p] = bias[track.source.z + (gates + p) * hidden_size + item.unit];
  }
  for (var s = 0u; s < states; s++) { // unroll
    if (forward_reads_state[s] || needs_states) { // static
      if (starts_alone) { // static
        step.state[s] = given[track.source.y + s * row_size + item.at];
      } else {
        step.state[s] = state_of(track.place.x, s, moment.before + item.at);
      }
    }
  }
  for (var v = 0u; v < saved_values; v++) { // unroll
    if (saved_phase[v] < phase) { // static
      step.saved[v] = f32(saved[item.saved_at + v * hidden_size]);
    }
  }
}

// Does the cell step with its sums, and keeps what it gives.
fn finish_step(step: ptr<function, CellStep>, sums: ptr<function, array<f32, item_sums>>, i: u32, phase: u32, item: Item, lane: u32, moment: Moment,
    track: Track) { // inline
  for (var g = phase_gates[max(phase, input_lag) - input_lag]; g < phase_gates[phase + 1u - min(phase + 1u, input_lag)]; g++) { // unroll
    if (sums_meet) { // static
      step.u[g] = add_slices(i * gates + g, lane);
    } else {
      step.u[g] = sums[select(i, 0u, rows * units == 1u) * gates + g];
    }
  }
  if (norm_parameters > 0u) { // static
    if (norm_values[phase] > 0u) { // static
      normalize_step(step, i, phase, item, track);
    }
  }
  *step = cell_forward(phase, *step);
  if (has_zoneout) { // static
    for (var s = 0u; s < states; s++) { // unroll
      let share = given[track.place.w + zoneout_begin + (s * steps + moment.t) * row_size + item.at];
      step.next[s] = select(mix(step.state[s], step.next[s], share), step.state[s], share == 0.0);
    }
  }
  if (has_lengths) { // static
    if (moment.t >= bitcast<u32>(given[track.place.w + item.row])) {
      *step = hold_state(*step);
    }
  }
  for (var v = 0u; v < saved_values; v++) { // unroll
    if (saved_phase[v] == phase && (keeps_saved || phase + 1u < phases)) { // static
      saved[item.saved_at + v * hidden_size] = to_number(step.saved[v]);
    }
  }
  for (var s = 0u; s < states; s++) { // unroll
    if (state_phase[s] == phase) { // static
      keep_state(track.place.x, s, moment.after + item.at, step.next[s]);
    }
  }
  hand_on(step, i, phase, item, moment, track);
}

// Replaces products, or the vector, of the phase before by what normalising them gives.
fn normalize_step(step: ptr<function, CellStep>, i: u32, phase: u32, item: Item, track: Track) { // inline
  let own = row_statistics[i / units];
  step.saved[norm_statistics[phase]] = own.x;
  step.saved[norm_statistics[phase] + 1u] = own.y;
  for (var v = 0u; v < norm_values[phase]; v++) { // unroll
    let normal = (step.saved[norm_saved[phase] + v] - own.x) * own.y;
    let gain = bias[track.source.z + (gates + norm_gains[phase] + v) * hidden_size + item.unit];
    let value = gain * normal + bias[track.source.z + (gates + norm_shifts[phase] + v) * hidden_size + item.unit];
    if (phase_gates[phase - 1u] < phase_gates[phase]) { // static
      step.u[phase_gates[phase - 1u] + v] = value;
    } else {
      step.vector = value;
    }
  }
}

// What the next product multiplies: the new h, masked where there is a mask, or a phase's vector.
fn hand_on(step: ptr<function, CellStep>, i: u32, phase: u32, item: Item, moment: Moment, track: Track) { // inline
  var multiplied = step.next[0];
  if (has_mask) { // static
    let factor = given[track.place.w + mask_begin + item.at];
    if (phase + 1u == phases) { // static
      multiplied *= factor;
      keep_masked(track.place.x, moment.after + item.at, multiplied);
    } else if (masks_vector) {
      step.vector *= factor;
    }
  }
  if (phase >= first_vector && phase + 1u < phases) { // static
    history[track.place.x + vector_begin_of(phase) + moment.after + item.at] = to_number(step.vector);
  }
  if (carries) { // static
    if (phase + 1u == phases) { // static
      carried[i / units * padded_size + item.unit] = f32(to_number(multiplied));
    } else if (phase >= first_vector) { // static
      carried[i / units * padded_size + item.unit] = f32(to_number(step.vector));
    }
  }
}
