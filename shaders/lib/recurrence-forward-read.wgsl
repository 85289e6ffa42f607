// Recurrence, forward: what a cell step reads but for its sums. Bindings and tile are those of
// kernels/recurrence-forward or kernels/recurrence-forward-cell.
// projected [T, B, input_gates, H], or a table [table_rows, input_gates, H] with a row for each token (one-hot inputs:
// no projected input is ever built) where `gathers` and the span has table_rows, with tokens [T, B] i32 and input_bias
// [input_gates, H]; both are zeros where it `gathers` and the span has none.
//! join lib/cell-step
//! join lib/recurrence-track

struct Span {
  first_phase: u32,
  end_phase: u32,
  table_rows: u32,
  // Of each of four tracks: first position in processing order, number of steps, 1: copy the initial state
  // into the history first, 1: walk back in time.
  walk_0: vec4u, walk_1: vec4u, walk_2: vec4u, walk_3: vec4u,
  // Where it begins in projected, given, bias, input_bias.
  source_0: vec4u, source_1: vec4u, source_2: vec4u, source_3: vec4u,
  // … in history, saved, weight (in tiles), and its extras in given.
  place_0: vec4u, place_1: vec4u, place_2: vec4u, place_3: vec4u,
}

const keeps_saved: bool = true; // specialize
const gathers: bool = false; // specialize
const row_step: u32 = 8u; // specialize: from a row of projected to the next
const unit_step: u32 = 1u; // specialize: from a number of a row to the next
const projected_is_half: bool = false; // specialize
alias projected_number = f32; // f16: projected_is_half

// A single step reads its state where it is given: workgroups that share its units need not wait until it has
// been copied into the history.
const starts_alone: bool = steps == 1u && !has_mask;
const saved_size: u32 = batch * saved_values * hidden_size;

// A thread that has one cell step at most reads what that needs before it multiplies, and waits for it less.
const reads_early: bool = carries && rows * units <= slices && unit_tile <= tile_units && phases == 1u;

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

// What is added to the product of a gate.
fn bias_of(track: Track, g: u32, unit: u32) -> f32 {
  var b = bias[track.source.z + g * hidden_size + unit];
  if (gathers && !gradients_apart) { // static: the two biases only ever occur as a sum
    b += input_bias[track.source.w + g * hidden_size + unit];
  }
  return b;
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
  let projected_at = track.source.x + source_row * row_step + item.unit * unit_step;
  for (var g = phase_gates[max(phase, input_lag) - input_lag]; g < phase_gates[phase + 1u - min(phase + 1u, input_lag)]; g++) { // unroll
    if (g < input_gates) { // static
      step.x[g] = f32(projected[projected_at + g * hidden_size * unit_step]);
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
