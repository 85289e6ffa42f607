// Recurrence, backward: walks time from the last processed step to the first and yields the gradients
// of all gate pre-activations; weight gradients are matmuls over them afterwards.
//
// Dispatch, strategies, tracks, lanes and slices as in recurrence-forward. A thread holds one state gradient per unit
// and row: d_h[k] = sum over gates and units j of d_recurrent[j]·weight_hh[j, k]. One barrier per phase, and one
// behind what is staged.
// `span` counts positions backwards: index i stands for position `steps - 1 - i`; the last index,
// `steps`, has no cell step and only carries the gradient through the weights into the initial state.
//
// Layouts: d_output [T, B, H]; given: the gradient of the final state [states, B, H], and the extras of
//   lib/recurrence; weight [tiles, gates, H/4, units, lanes, 4] (weight_hh in row quads); history and saved as in
//   recurrence-forward; d_recurrent [T, B, gates + parameters, H]; d_projected [T, B, input_gates, H]; carry
//   [states, B, H], which ends as the gradient of the initial state.
// FLOPs 2·T·B·gates·H², bytes 4·T·B·H·(1 + saved_values + 2·states + 2·gates) beside the weights.
// Right for the same devices and reasons as recurrence-forward.
//! join lib/cell-step
//! join lib/normalize
//! join lib/quads
//! join lib/recurrence
//! join lib/recurrence-sums
//! join cell

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

@group(0) @binding(0) var<uniform> span: BackwardSpan;
@group(0) @binding(1) var<storage, read> d_output: array<d_output_number>;
@group(0) @binding(2) var<storage, read> given: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<array<array<array<array<quad, lanes>, units>, hidden_quads>, gates>, all_tiles>;
@group(0) @binding(4) var<storage, read> history: array<number>;
@group(0) @binding(5) var<storage, read> saved: array<number>;
@group(0) @binding(6) var<storage, read_write> d_recurrent: array<number>;
@group(0) @binding(7) var<storage, read_write> d_projected: array<number>;
@group(0) @binding(8) var<storage, read_write> carry: array<f32>;

const item_sums: u32 = rows * units;

const staged_gates: u32 = 1u; // specialize: gates that are staged at a time
const staged_quads: u32 = staged_gates * hidden_quads;
const stages_all: bool = stages && staged_gates == gates;

// A thread that has one cell step at most reads what that needs before it multiplies, and waits for it less.
const reads_early: bool = carries && item_sums <= slices && unit_tile <= tile_units && phases == 1u;

var<workgroup> staged: array<vec4f, rows * staged_quads>;
// The gates' gradients of the step before, of each row.
var<workgroup> carried: array<f32, rows * gates * padded_size>;

// A thread's quads of k for each of its sums.
var<private> held: array<vec4f, gates * held_quads * units>;
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
    keep_last_gradient(track, first_row, unit_begin, unit_end, lane, slice);
    if (slices > 1u) { // static: otherwise only the thread itself reads what it has just written
      storageBarrier();
    }
  }
  if (tracks > 1u) { // static: of tracks that share a dispatch, one may have nothing to do
    if (track.walk.y == 0u) {
      return;
    }
  }
  if (carries) { // static
    carry_old_gradients(track, first_row, local);
    workgroupBarrier();
  }

  var index = 0u;
  loop {
    let moment = moment_of(track, track.walk.x + index);
    for (var down = 0u; down < phases; down++) { // unroll
      let phase = phases - 1u - down;
      if (phase >= span.first_phase && phase < span.end_phase && (moment.is_step || down == 0u)) {
        let source = source_of(track, moment, phase);
        if (norm_parameters > 0u) { // static
          if (norm_values[phase + 1u] > 0u) { // static: what this phase saved, the next one has normalised
            describe_gradients(local, first_row, track.place.x + moment.t * batch * gate_size, track.place.w + parameters_begin,
              norm_gains[phase + 1u], norm_shifts[phase + 1u], norm_values[phase + 1u]);
          }
        }
        var sums: array<f32, item_sums>;
        if (reads_early) { // static: there is one tile, and one item
          let item = item_of(slice, unit_begin, first_row, lane, moment, track);
          let is_inside = item.row < batch && item.unit < unit_end && slice < item_sums;
          var gradient: CellGradient;
          if (is_inside && moment.is_step) {
            read_gradient(&gradient, phase, item, moment, track);
          }
          sum_tile(&sums, phase, source, unit_begin, first_row, local, lane, slice, longest, track);
          if (is_inside) {
            var through = 0.0;
            take_through(&through, &sums, slice, phase, item, lane, track);
            if (moment.is_step) {
              finish_gradient(&gradient, through, slice, phase, item, moment, track);
            } else {
              carry[track.place.y + item.at] += through;
            }
          }
        } else {
          var base = unit_begin;
          loop {
            sum_tile(&sums, phase, source, base, first_row, local, lane, slice, longest, track);
            var i = slice;
            loop {
              let item = item_of(i, base, first_row, lane, moment, track);
              if (item.row < batch && item.unit < unit_end && (slices <= item_sums || i < item_sums)) {
                var through = 0.0;
                take_through(&through, &sums, i, phase, item, lane, track);
                if (!moment.is_step) {
                  carry[track.place.y + item.at] += through;
                } else if (norm_parameters > 0u && phase_gates[phase] < phase_gates[phase + 1u]) { // static: products, no cell step
                  finish_products(i, phase, item, track);
                } else {
                  var gradient: CellGradient;
                  read_gradient(&gradient, phase, item, moment, track);
                  finish_gradient(&gradient, through, i, phase, item, moment, track);
                }
              }
              continuing {
                i += slices;
                break if i >= item_sums;
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
