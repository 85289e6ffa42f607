// Recurrence, forward: walks a range of time steps for some batch rows, one cell step after another.
//
// Dispatch: x = ceil(batch / rows) groups of batch rows, y = ceil(hidden_size / unit_tile) tiles of units,
//   z = the span's tracks (lib/recurrence); what lies below is that of one track, from where the span says.
//   persistent: unit_tile = hidden_size, so a workgroup owns its rows for as many steps as `span` says:
//     sequences are independent, no workgroup waits for another; one barrier per phase, one more where it `stages`.
//   stepwise:   unit_tile < hidden_size, `span` holds one phase of one step; the dispatch is the barrier.
// A thread holds all gates of a unit for `rows` batch rows in registers, so the cell is the epilogue of
// the recurrent matmul. Per k it loads rows + gates·units values for rows·gates·units multiply-adds.
// `slices` threads share a unit: each sums every so manieth quad of k, the sums meet in workgroup memory, and each
// thread then does the cell for its share of the rows.
// `carries`: what a step hands to the next one goes through workgroup memory, into storage only for the backward pass.
// `holds`: the slices are the lanes of a quad, and each keeps its part of the weights from step to step, and as a part
// of a fused kernel from repetition to repetition: held_quads of its quads of k, and the others are loaded.
//
// Layouts: projected [T, B, input_gates, H], or a table [table_rows, input_gates, H] with a row for each token
//   (one-hot inputs: no projected input is ever built) where `gathers` and the span has table_rows, with tokens
//   [T, B] i32 and input_bias [input_gates, H]; both are zeros where it `gathers` and the span has none;
//   weight [tiles, H/4, gates, units, lanes, 4] (weight_hh in column quads; a cell that multiplies nothing has none);
//   bias [gates + parameters, H]: bias_hh, then the cell's parameters;
//   given: the initial state [states, B, H], and the extras of lib/recurrence; saved [T or 1, B, saved_values, H];
//   history as in lib/recurrence.
// FLOPs 2·T·B·gates·H², bytes 4·T·B·H·(gates + saved_values + states) beside the weights.
//
// Right for: lanes along units read weights coalesced on every GPU; rows > 1 reuses each weight from a
// register. A step waits for its loads one after another: slices put more of them on the way at once, which a GPU
// needs and a CPU does not. Shapes for GPUs stage and carry: workgroup memory answers in a tenth of the time of
// storage behind a barrier. Those for CPUs read the state from storage, where a load costs the same and the pipeline
// is built quickly. Held weights are registers of a GPU, which else reads all of them from its second-level cache at
// each step (docs/adr/0032); a software adapter has memory for each thread, where a load is one instruction and not a
// hundred (docs/adr/0029).
//! join lib/cell-step
//! join lib/normalize
//! join lib/quads
//! join lib/recurrence
//! join lib/recurrence-sums
//! join cell

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
const projected_is_half: bool = false; // specialize
alias projected_number = f32; // f16: projected_is_half

// A single step reads its state where it is given: workgroups that share its units need not wait until it has
// been copied into the history.
const starts_alone: bool = steps == 1u && !has_mask;
const saved_size: u32 = batch * saved_values * hidden_size;

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> projected: array<projected_number>;
@group(0) @binding(2) var<storage, read> weight: array<array<array<array<array<quad, lanes>, units>, gates>, hidden_quads>, all_tiles>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> given: array<f32>;
@group(0) @binding(5) var<storage, read_write> history: array<number>;
@group(0) @binding(6) var<storage, read_write> saved: array<number>;
@group(0) @binding(7) var<storage, read> tokens: array<i32>;
@group(0) @binding(8) var<storage, read> input_bias: array<f32>;

const item_sums: u32 = rows * units * gates;

// A thread that has one cell step at most reads what that needs before it multiplies, and waits for it less.
const reads_early: bool = carries && rows * units <= slices && unit_tile <= tile_units && phases == 1u;

var<workgroup> staged: array<vec4f, rows * hidden_quads>;
// What is multiplied next: of each row h, masked h or a phase's vector.
var<workgroup> carried: array<f32, rows * padded_size>;

// A thread's quads of k for each of its sums, and what its sums begin with.
var<private> held: array<vec4f, held_quads * units * gates>;
var<private> held_bias: array<f32, units * gates>;
var<private> is_held: bool;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  // Compilers leave out checks of indices whose bounds they see: a lane's, and those of loops between constants.
  if (holds) { // splice
    let lane = local / slices;
    let slice = local % slices;
  } else if (slices > 1u) { // splice
    let lane = local % lanes;
    let slice = local / lanes;
  } else {
    let lane = local;
    const slice = 0u;
  }
  let first_row = group.x * rows;
  let unit_begin = group.y * unit_tile;
  let unit_end = min(unit_begin + unit_tile, hidden_size);
  let track = track_of(group.z);
  let longest = longest_of(track, first_row);
  if (holds) { // static
    if (!is_held) {
      hold_weights(track, lane, slice);
      is_held = true;
    }
  }
  if (track.walk.z == 1u) {
    keep_first_state(track, first_row, unit_begin, unit_end, lane, slice);
    if (hands_on) { // static
      storageBarrier();
    }
  }
  if (carries) { // static
    carry_old_state(track, first_row, local);
    workgroupBarrier();
  }
  if (tracks > 1u) { // static: of tracks that share a dispatch, one may have nothing to do
    if (track.walk.y == 0u) {
      return;
    }
  }

  var next_token = 0u;
  if (gathers && reads_early) { // static: a token's row is only known when the token has come
    next_token = u32(tokens[time_of(track.walk.x, track.runs_reverse) * batch + min(first_row + slice / units, batch - 1u)]);
  }
  var index = 0u;
  loop {
    let moment = moment_of(track, track.walk.x + index);
    for (var phase = 0u; phase < phases; phase++) { // unroll
      if (phase >= span.first_phase && phase < span.end_phase) {
        let vector_begin = vector_of(track, moment, phase);
        var sums: array<f32, item_sums>;
        if (reads_early) { // static: there is one tile, and one item
          let item = item_of(slice, unit_begin, first_row, lane, moment);
          let is_inside = item.row < batch && item.unit < unit_end && slice < rows * units;
          var step: CellStep;
          if (is_inside) {
            read_step(&step, &next_token, phase, item, moment, track);
          }
          stage_vector(phase, vector_begin, first_row, local);
          sum_tile(&sums, phase, vector_begin, unit_begin, first_row, lane, slice, moment, longest, track);
          if (is_inside) {
            finish_step(&step, &sums, slice, phase, item, lane, moment, track);
          }
        } else {
          stage_vector(phase, vector_begin, first_row, local);
          if (norm_parameters > 0u) { // static
            if (norm_values[phase] > 0u) { // static
              describe_rows(local, first_row, moment.saved_begin, norm_saved[phase], norm_values[phase]);
            }
          }
          var base = unit_begin;
          loop {
            sum_tile(&sums, phase, vector_begin, base, first_row, lane, slice, moment, longest, track);
            var i = slice;
            loop {
              let item = item_of(i, base, first_row, lane, moment);
              if (item.row < batch && item.unit < unit_end && (slices <= rows * units || i < rows * units)) {
                if (norm_parameters > 0u && phase_gates[phase] < phase_gates[phase + 1u]) { // static
                  keep_products(&sums, i, phase, item, lane, moment, track);
                } else {
                  var step: CellStep;
                  read_step(&step, &next_token, phase, item, moment, track);
                  finish_step(&step, &sums, i, phase, item, lane, moment, track);
                }
              }
              continuing {
                i += slices;
                break if i >= rows * units;
              }
            }
            continuing {
              base += tile_units;
              break if base >= unit_end;
            }
          }
        }
        if (carries) { // static
          workgroupBarrier();
        } else if (hands_on) { // static
          storageBarrier();
        }
      }
    }
    continuing {
      index += 1u;
      break if index >= track.walk.y;
    }
  }
}

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

// What an earlier dispatch has handed on.
fn carry_old_state(track: Track, first_row: u32, local: u32) {
  let begin = track.place.x + select(0u, vector_begin_of(masked_phase), has_mask) + slot(track.walk.x, track.runs_reverse);
  for (var i = local; i < rows * hidden_size; i += threads) {
    let row = min(first_row + i / hidden_size, batch - 1u);
    carried[i / hidden_size * padded_size + i % hidden_size] = f32(history[begin + row * hidden_size + i % hidden_size]);
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
