// Recurrence, forward: the cell step itself, and what is kept of it. Bindings and tile are those of
// kernels/recurrence-forward or kernels/recurrence-forward-cell.
//! join lib/normalize
//! join lib/recurrence-forward-read

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

// Does the cell step, whose sums are in it, and keeps what it gives.
fn finish_step(step: ptr<function, CellStep>, i: u32, phase: u32, item: Item, moment: Moment, track: Track) { // inline
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
