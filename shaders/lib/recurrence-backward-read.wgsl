// Recurrence, backward: what the gradient of a cell step reads but for what comes through the weights. Bindings and
// tile are those of kernels/recurrence-backward or kernels/recurrence-backward-cell.
//! join lib/cell-step
//! join lib/recurrence-track

struct BackwardSpan {
  end_phase: u32,   // phases run downwards from end_phase - 1 …
  first_phase: u32, // … to first_phase
  // Of each of four tracks: first index, counted from the last position, number of steps, 1: copy the final
  // state's gradient into carry first, 1: the forward pass has walked back in time.
  walk_0: vec4u, walk_1: vec4u, walk_2: vec4u, walk_3: vec4u,
  // Where it begins in d_output, given, history, saved.
  source_0: vec4u, source_1: vec4u, source_2: vec4u, source_3: vec4u,
  // … in d_recurrent, carry, weight (in tiles), and its extras in given.
  place_0: vec4u, place_1: vec4u, place_2: vec4u, place_3: vec4u,
}

const has_output_gradient: bool = true; // specialize
const d_output_is_half: bool = false; // specialize
alias d_output_number = f32; // f16: d_output_is_half

const gate_size: u32 = (gates + parameters) * hidden_size;
const projected_stride: u32 = 0u; // specialize: from one track's d_projected to the next one's

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
