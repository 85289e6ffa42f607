// Recurrence, backward: the gradient of the cell step itself, and what is kept of it. Bindings and tile are those of
// kernels/recurrence-backward or kernels/recurrence-backward-cell.
//! join lib/normalize
//! join lib/recurrence-backward-read

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

// What came through the weights reaches what was masked in front of them.
fn mask_through(through: ptr<function, f32>, phase: u32, item: Item, track: Track) { // inline
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
