// Recurrence, backward: the gradients of a thread's cell steps, from what they read to what they keep. Bindings and
// tile are those of kernels/recurrence-backward.
//! join lib/cell-step
//! join lib/normalize
//! join lib/recurrence
//! join lib/recurrence-sums

// A time step, or what comes before the first one.
struct Moment {
  is_step: bool,
  position: u32, // in processing order
  t: u32,
}

fn moment_of(track: Track, back: u32) -> Moment {
  let is_step = back < steps;
  let position = select(0u, steps - 1u - back, is_step);
  return Moment(is_step, position, time_of(position, track.runs_reverse));
}

// A unit of a row: where it lies in a state, in the gates' gradients, in what the step has saved and in the gradients
// of projected inputs.
struct Item {
  row: u32,
  unit: u32,
  at: u32,
  gate_at: u32,
  saved_at: u32,
  projected_at: u32,
}

fn item_of(i: u32, base: u32, first_row: u32, lane: u32, moment: Moment, track: Track) -> Item {
  let row = first_row + i / units;
  let unit = base + i % units * lanes + lane;
  let line = moment.t * batch + row;
  let projected_begin = track.place.z / tiles * projected_stride;
  return Item(row, unit, row * hidden_size + unit, track.place.x + line * gate_size + unit,
    track.source.w + line * saved_values * hidden_size + unit, projected_begin + line * input_gates * hidden_size + unit);
}

// Copies the given gradient of the final state.
fn keep_last_gradient(track: Track, first_row: u32, unit_begin: u32, unit_end: u32, lane: u32, slice: u32) { // inline
  for (var unit = unit_begin + lane; unit < unit_end; unit += lanes) {
    for (var r = slice; r < rows; r += slices) {
      if (first_row + r < batch) {
        let at = (first_row + r) * hidden_size + unit;
        for (var s = 0u; s < states; s++) {
          carry[track.place.y + s * row_size + at] = given[track.source.y + s * row_size + at];
        }
      }
    }
  }
}

// An item's gradient through the weights.
fn take_through(through: ptr<function, f32>, sums: ptr<function, array<f32, item_sums>>, i: u32, phase: u32, item: Item, lane: u32, track: Track) { // inline
  if (sums_meet) { // static
    *through = add_slices(i, lane);
  } else {
    *through = sums[select(i, 0u, item_sums == 1u)];
  }
  if (has_mask && (masks_vector || phase + 1u == phases)) { // static
    *through *= given[track.place.w + mask_begin + item.at];
  }
}

// The gradients of products that the next phase has normalised.
fn finish_products(i: u32, phase: u32, item: Item, track: Track) { // inline
  for (var v = 0u; v < norm_values[phase + 1u]; v++) { // unroll
    let d_shift = f32(d_recurrent[item.gate_at + (gates + norm_shifts[phase + 1u] + v) * hidden_size]);
    let gain = given[track.place.w + parameters_begin + (norm_gains[phase + 1u] + v) * hidden_size + item.unit];
    let d_product = unit_gradient(item.saved_at, norm_saved[phase + 1u] + v, norm_statistics[phase + 1u], d_shift * gain, row_statistics[i / units]);
    d_recurrent[item.gate_at + (phase_gates[phase] + v) * hidden_size] = to_number(d_product);
  }
}

// Reads what a cell step's gradient needs but for what comes through the weights.
fn read_gradient(gradient: ptr<function, CellGradient>, phase: u32, item: Item, moment: Moment, track: Track) { // inline
  for (var v = 0u; v < saved_values; v++) { // unroll
    gradient.saved[v] = f32(saved[item.saved_at + v * hidden_size]);
  }
  for (var s = 0u; s < states; s++) { // unroll
    if (backward_reads_state[s]) { // static
      gradient.state[s] = state_of(track.source.z, s, slot(moment.position, track.runs_reverse) + item.at);
    }
    if (backward_reads_next[s]) { // static
      gradient.next[s] = state_of(track.source.z, s, slot(moment.position + 1u, track.runs_reverse) + item.at);
    }
    if (phase + 1u == phases) { // static
      gradient.d_next[s] = carry[track.place.y + s * row_size + item.at];
    } else {
      gradient.d_state[s] = carry[track.place.y + s * row_size + item.at];
    }
  }
  if (has_output_gradient && phase + 1u == phases) { // static
    gradient.d_next[0] += f32(d_output[track.source.x + moment.t * row_size + item.at]);
  }
  for (var p = norm_parameters; p < parameters; p++) { // unroll
    gradient.parameters[p] = given[track.place.w + parameters_begin + p * hidden_size + item.unit];
  }
}

// Goes back through the cell step, and keeps what it gives.
fn finish_gradient(gradient: ptr<function, CellGradient>, through: f32, i: u32, phase: u32, item: Item, moment: Moment, track: Track) { // inline
  if (phase + 1u == phases) { // static
    gradient.d_next[0] += through;
  } else {
    gradient.d_vector = through;
  }
  if (norm_parameters > 0u) { // static
    if (norm_values[phase + 1u] > 0u) { // static
      let d_shift = f32(d_recurrent[item.gate_at + (gates + norm_shifts[phase + 1u]) * hidden_size]);
      let gain = given[track.place.w + parameters_begin + norm_gains[phase + 1u] * hidden_size + item.unit];
      gradient.d_vector = unit_gradient(item.saved_at, norm_saved[phase + 1u], norm_statistics[phase + 1u], d_shift * gain, row_statistics[i / units]);
    }
  }
  var complete: CellGradient;
  if (needs_states) { // static
    complete = *gradient;
  }
  if (has_zoneout && phase + 1u == phases) { // static
    for (var s = 0u; s < states; s++) { // unroll
      gradient.d_next[s] *= given[track.place.w + zoneout_begin + (s * steps + moment.t) * row_size + item.at];
    }
  }
  *gradient = cell_backward(phase, *gradient);
  if (has_zoneout && phase + 1u == phases) { // static
    for (var s = 0u; s < states; s++) { // unroll
      gradient.d_state[s] += complete.d_next[s] - gradient.d_next[s];
    }
  }
  if (has_lengths) { // static
    if (moment.t >= bitcast<u32>(given[track.place.w + item.row])) {
      *gradient = hold_gradient(complete, phase + 1u == phases);
    }
  }
  keep_gates(gradient, i, phase, item);
  if (norm_parameters > 0u) { // static
    keep_norms(gradient, phase, item);
  }
  for (var p = norm_parameters; p < parameters; p++) { // unroll
    if (phase == 0u) { // static
      d_recurrent[item.gate_at + (gates + p) * hidden_size] = to_number(gradient.d_parameters[p]);
    }
  }
  for (var s = 0u; s < states; s++) { // unroll
    carry[track.place.y + s * row_size + item.at] = gradient.d_state[s];
  }
}

// The gates' gradients that are complete with this phase.
fn keep_gates(gradient: ptr<function, CellGradient>, i: u32, phase: u32, item: Item) { // inline
  for (var g = 0u; g < gates; g++) { // unroll
    if (gradient_phase[g] == phase) { // static
      d_recurrent[item.gate_at + g * hidden_size] = to_number(gradient.du[g]);
      if (carries) { // static
        carried[(i / units * gates + g) * padded_size + item.unit] = f32(to_number(gradient.du[g]));
      }
      if (gradients_apart && norm_parameters == 0u && g < input_gates) { // static
        d_projected[item.projected_at + g * hidden_size] = to_number(gradient.dx[g]);
      }
    }
  }
}

// The gradients of inputs, gains and shifts of what is normalised.
fn keep_norms(gradient: ptr<function, CellGradient>, phase: u32, item: Item) { // inline
  for (var g = 0u; g < gates; g++) { // unroll
    if (input_gradient_phase[g] == phase) { // static
      let at_norm = g - phase_gates[gate_norm[g] - 1u];
      let normal = normal_at(item.saved_at, norm_saved[gate_norm[g]] + at_norm, norm_statistics[gate_norm[g]]);
      d_projected[item.projected_at + g * hidden_size] = to_number(gradient.dx[g]);
      d_recurrent[item.gate_at + (gates + norm_gains[gate_norm[g]] + at_norm) * hidden_size] = to_number(gradient.du[g] * normal);
      d_recurrent[item.gate_at + (gates + norm_shifts[gate_norm[g]] + at_norm) * hidden_size] = to_number(gradient.du[g]);
    }
  }
  if (norm_values[phase] > 0u && phase_gates[max(phase, 1u) - 1u] == phase_gates[phase]) { // static
    let normal = normal_at(item.saved_at, norm_saved[phase], norm_statistics[phase]);
    d_recurrent[item.gate_at + (gates + norm_gains[phase]) * hidden_size] = to_number(gradient.d_vector * normal);
    d_recurrent[item.gate_at + (gates + norm_shifts[phase]) * hidden_size] = to_number(gradient.d_vector);
  }
}
