// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const recurrenceForward = {
  name: 'recurrence-forward',
  entryPoint: 'main',
  joins: ['lib/cell-step', 'lib/normalize', 'lib/quads', 'lib/half', 'lib/recurrence'],
  cell: 'cells',
  constants: {
    steps: 'u32',
    batch: 'u32',
    hidden_size: 'u32',
    state_size: 'u32',
    rows: 'u32',
    units: 'u32',
    lanes: 'u32',
    unit_tile: 'u32',
    spreads: 'bool',
    stages: 'bool',
    slices: 'u32',
    held_quads: 'u32',
    carries: 'bool',
    y_origin: 'u32',
    section_size: 'u32',
    tracks: 'u32',
    is_half: 'bool',
    has_lengths: 'bool',
    has_mask: 'bool',
    has_zoneout: 'bool',
    keeps_saved: 'bool',
    gathers: 'bool',
    projected_is_half: 'bool',
  },
  bindings: {
    span: {
      group: 0,
      binding: 0,
      kind: 'uniform',
      access: 'read',
      type: 'Span',
      struct: {
        sizeBytes: 208,
        fields: {
          first_phase: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          end_phase: { offsetBytes: 4, sizeBytes: 4, type: 'u32' },
          table_rows: { offsetBytes: 8, sizeBytes: 4, type: 'u32' },
          walk_0: { offsetBytes: 16, sizeBytes: 16, type: 'vec4u' },
          walk_1: { offsetBytes: 32, sizeBytes: 16, type: 'vec4u' },
          walk_2: { offsetBytes: 48, sizeBytes: 16, type: 'vec4u' },
          walk_3: { offsetBytes: 64, sizeBytes: 16, type: 'vec4u' },
          source_0: { offsetBytes: 80, sizeBytes: 16, type: 'vec4u' },
          source_1: { offsetBytes: 96, sizeBytes: 16, type: 'vec4u' },
          source_2: { offsetBytes: 112, sizeBytes: 16, type: 'vec4u' },
          source_3: { offsetBytes: 128, sizeBytes: 16, type: 'vec4u' },
          place_0: { offsetBytes: 144, sizeBytes: 16, type: 'vec4u' },
          place_1: { offsetBytes: 160, sizeBytes: 16, type: 'vec4u' },
          place_2: { offsetBytes: 176, sizeBytes: 16, type: 'vec4u' },
          place_3: { offsetBytes: 192, sizeBytes: 16, type: 'vec4u' },
        },
      },
    },
    projected: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<projected_number>',
    },
    weight: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read',
      type: 'array<array<array<array<array<quad, lanes>, units>, gates>, hidden_quads>, all_tiles>',
    },
    bias: {
      group: 0,
      binding: 3,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
    given: {
      group: 0,
      binding: 4,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
    history: {
      group: 0,
      binding: 5,
      kind: 'storage',
      access: 'read_write',
      type: 'array<number>',
    },
    saved: {
      group: 0,
      binding: 6,
      kind: 'storage',
      access: 'read_write',
      type: 'array<number>',
    },
    tokens: {
      group: 0,
      binding: 7,
      kind: 'storage',
      access: 'read',
      type: 'array<i32>',
    },
    input_bias: {
      group: 0,
      binding: 8,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
  },
  source: `// Recurrence, forward: walks a range of time steps for some batch rows, one cell step after another.
//
// Dispatch: x = ceil(batch / rows) groups of batch rows, y = ceil(hidden_size / unit_tile) tiles of units,
//   z = the span's tracks (lib/recurrence); what lies below is that of one track, from where the span says.
//   persistent: unit_tile = hidden_size, so a workgroup owns its rows for as many steps as \`span\` says:
//     sequences are independent, no workgroup waits for another; one barrier per phase, one more where it \`stages\`.
//   stepwise:   unit_tile < hidden_size, \`span\` holds one phase of one step; the dispatch is the barrier.
// A thread holds all gates of a unit for \`rows\` batch rows in registers, so the cell is the epilogue of
// the recurrent matmul. Per k it loads rows + gates·units values for rows·gates·units multiply-adds.
// \`slices\` threads share a unit: each sums every so manieth quad of k, the sums meet in workgroup memory, and each
// thread then does the cell for its share of the rows.
// \`carries\`: what a step hands to the next one goes through workgroup memory, into storage only for the backward pass.
// \`holds\`: the slices are the lanes of a quad, and each keeps its part of the weights from step to step, and as a part
// of a fused kernel from repetition to repetition: held_quads of its quads of k, and the others are loaded.
//
// Layouts: projected [T, B, input_gates, H], or a table [table_rows, input_gates, H] with a row for each token
//   (one-hot inputs: no projected input is ever built) where \`gathers\` and the span has table_rows, with tokens
//   [T, B] i32 and input_bias [input_gates, H]; both are zeros where it \`gathers\` and the span has none;
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
// Whether the sums of slices meet in workgroup memory.
const sums_meet: bool = slices > 1u && !holds;

// A thread that has one cell step at most reads what that needs before it multiplies, and waits for it less.
const reads_early: bool = carries && rows * units <= slices && unit_tile <= tile_units && phases == 1u;

var<workgroup> staged: array<vec4f, rows * hidden_quads>;
var<workgroup> sliced: array<f32, slices * item_sums * lanes>;
// What is multiplied next: of each row h, masked h or a phase's vector.
var<workgroup> carried: array<f32, rows * padded_size>;

// A thread's quads of k for each of its sums, and what its sums begin with.
var<private> held: array<vec4f, held_quads * units * gates>;
var<private> held_bias: array<f32, units * gates>;
var<private> is_held: bool;

fn hold_weights(source: vec4u, tile: u32, lane: u32, slice: u32) {
  var at = 0u;
  for (var q = 0u; q < held_quads; q++) {
    let k4 = min(q * slices + slice, hidden_quads - 1u);
    let is_inside = q * slices + slice < hidden_quads;
    for (var n = 0u; n < units; n++) {
      for (var g = 0u; g < gates; g++) {
        held[at] = select(vec4f(), vec4f(weight[tile][k4][g][n][lane]), is_inside);
        at++;
      }
    }
  }
  for (var n = 0u; n < units; n++) {
    for (var g = 0u; g < gates; g++) {
      held_bias[n * gates + g] = select(0.0, bias_of(source, g, min(n * lanes + lane, hidden_size - 1u)), slice == 0u);
    }
  }
}

// What is added to the product of a gate.
fn bias_of(source: vec4u, g: u32, unit: u32) -> f32 {
  var b = bias[source.z + g * hidden_size + unit];
  if (gathers && !gradients_apart) { // static: the two biases only ever occur as a sum
    b += input_bias[source.w + g * hidden_size + unit];
  }
  return b;
}

// A number of a state; zero behind its end, where weights are padded.
fn state_at(phase: u32, begin: u32, k: u32) -> f32 {
  if (starts_alone && phase == 0u) {
    return select(0.0, given[begin + k], !has_tail || k < hidden_size);
  }
  if (has_tail) { // static
    return select(0.0, f32(history[begin + k]), k < hidden_size);
  } else {
    return f32(history[begin + k]);
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
  var walk = span.walk_0;
  var source = span.source_0;
  var place = span.place_0;
  if (tracks > 1u) { // static
    walk = of_track(group.z, walk, span.walk_1, span.walk_2, span.walk_3);
    source = of_track(group.z, source, span.source_1, span.source_2, span.source_3);
    place = of_track(group.z, place, span.place_1, span.place_2, span.place_3);
  }
  let runs_reverse = walk.w == 1u;
  var longest = steps;
  if (has_lengths) { // static: behind the end of all rows there is nothing to multiply
    longest = 0u;
    for (var r = 0u; r < rows; r++) {
      longest = max(longest, bitcast<u32>(given[place.w + min(first_row + r, batch - 1u)]));
    }
  }
  if (holds) { // static
    if (!is_held) {
      hold_weights(source, place.z, lane, slice);
      is_held = true;
    }
  }

  if (walk.z == 1u) {
    for (var unit = unit_begin + lane; unit < unit_end; unit += lanes) {
      for (var r = slice; r < rows; r += slices) {
        if (first_row + r < batch) {
          let at = (first_row + r) * hidden_size + unit;
          for (var s = 0u; s < states; s++) {
            keep_state(place.x, s, slot(0u, runs_reverse) + at, given[source.y + s * row_size + at]);
          }
          if (has_mask) { // static
            keep_masked(place.x, slot(0u, runs_reverse) + at, given[source.y + at] * given[place.w + mask_begin + at]);
          }
        }
      }
    }
    if (hands_on) { // static
      storageBarrier();
    }
  }
  if (carries) { // static
    let begin = place.x + select(0u, vector_begin_of(masked_phase), has_mask) + slot(walk.x, runs_reverse);
    for (var i = local; i < rows * hidden_size; i += threads) {
      let row = min(first_row + i / hidden_size, batch - 1u);
      carried[i / hidden_size * padded_size + i % hidden_size] = f32(history[begin + row * hidden_size + i % hidden_size]);
    }
    workgroupBarrier();
  }

  if (tracks > 1u) { // static: of tracks that share a dispatch, one may have nothing to do
    if (walk.y == 0u) {
      return;
    }
  }
  var next_token = 0u;
  if (gathers && reads_early) { // static: a token's row is only known when the token has come
    next_token = u32(tokens[time_of(walk.x, runs_reverse) * batch + min(first_row + slice / units, batch - 1u)]);
  }
  var index = 0u;
  loop {
    let position = walk.x + index;
    let t = time_of(position, runs_reverse);
    let before = slot(position, runs_reverse);
    let after = slot(position + 1u, runs_reverse);
    let saved_begin = place.y + select(0u, t * saved_size, keeps_saved);
    for (var phase = 0u; phase < phases; phase++) { // unroll
      if (phase >= span.first_phase && phase < span.end_phase) {
        // Phase 0 multiplies the old state, later phases the vector the phase before has made.
        var old_begin = select(place.x + before, source.y, starts_alone);
        if (has_mask) { // static
          old_begin = place.x + vector_begin_of(masked_phase) + before;
        }
        let vector_begin = select(place.x + vector_begin_of(phase) - section_size + after, old_begin, phase == 0u);
        if (reads_early) { // splice
          var step: CellStep;
        }
        for (var turn = select(1u, 0u, reads_early); turn < 2u; turn++) { // unroll
          if (turn == 1u && stages && phase_gates[phase] < phase_gates[phase + 1u]) { // static
            var i = local;
            loop {
              if (threads <= rows * hidden_quads || i < rows * hidden_quads) {
                if (carries) { // static
                  staged[i] = vec4f(carried[4u * i], carried[4u * i + 1u], carried[4u * i + 2u], carried[4u * i + 3u]);
                } else {
                  let begin = vector_begin + min(first_row + i / hidden_quads, batch - 1u) * hidden_size;
                  let k = i % hidden_quads * 4u;
                  staged[i] = vec4f(state_at(phase, begin, k), state_at(phase, begin, k + 1u), state_at(phase, begin, k + 2u), state_at(phase, begin, k + 3u));
                }
              }
              continuing {
                i += threads;
                break if i >= rows * hidden_quads;
              }
            }
            workgroupBarrier();
          }
          if (norm_parameters > 0u) { // static
            if (norm_values[phase] > 0u) { // static
              describe_rows(local, first_row, saved_begin, norm_saved[phase], norm_values[phase]);
            }
          }
          var base = unit_begin;
          loop {
            if (turn == 1u) { // splice
              let tile = place.z + base / tile_units;
              var acc: array<f32, rows * units * gates>; // registers
              var column: array<u32, units>; // registers
              var row_begin: array<u32, rows>; // registers
              for (var r = 0u; r < rows; r++) { // unroll
                row_begin[r] = vector_begin + min(first_row + r, batch - 1u) * hidden_size;
              }
              for (var n = 0u; n < units; n++) { // unroll
                column[n] = min(base + n * lanes + lane, hidden_size - 1u);
                for (var g = phase_gates[phase]; g < phase_gates[phase + 1u]; g++) { // unroll
                  var b = 0.0;
                  if (holds) { // static
                    b = held_bias[n * gates + g];
                  } else {
                    b = bias_of(source, g, column[n]);
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
                if (!has_lengths || t < longest) {
                  for (var first = slice; first < select(hidden_quads, state_quads, phase == 0u); first += round_quads * slices) {
                    for (var u = 0u; u < round_quads; u++) { // unroll
                      if (passes_end) { // splice
                        let k4 = min(first + u * slices, hidden_quads - 1u);
                      } else {
                        let k4 = first + u * slices;
                      }
                      var v: array<vec4f, rows>; // registers
                      for (var r = 0u; r < rows; r++) { // unroll
                        if (stages) { // static
                          v[r] = staged[r * hidden_quads + k4];
                          if (passes_end) { // static
                            v[r] = select(vec4f(), v[r], first + u * slices < hidden_quads);
                          }
                        } else if (spreads) { // static
                          v[r] = swap_quad(state_at(phase, row_begin[r], 4u * k4 + lane % 4u));
                        } else {
                          v[r] = vec4f(state_at(phase, row_begin[r], 4u * k4), state_at(phase, row_begin[r], 4u * k4 + 1u),
                            state_at(phase, row_begin[r], 4u * k4 + 2u), state_at(phase, row_begin[r], 4u * k4 + 3u));
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
                }
              }
              // One copy of the cell for all sums of the tile: its code is long, and pipelines are built faster.
              var sums: array<f32, item_sums>;
              if (sums_meet) { // static
                if (unit_tile > tile_units) { // static: sums of the tile before may still be read
                  workgroupBarrier();
                }
                for (var i = 0u; i < item_sums; i++) { // unroll
                  sliced[(slice * item_sums + i) * lanes + lane] = acc[i];
                }
                workgroupBarrier();
              } else if (holds) { // static
                for (var i = 0u; i < item_sums; i++) { // unroll
                  sums[i] = sum_quad(acc[i]);
                }
              } else {
                for (var i = 0u; i < item_sums; i++) { // unroll
                  sums[i] = acc[i];
                }
              }
            }
            var i = slice;
            loop {
              let row = first_row + i / units;
              let unit = base + i % units * lanes + lane;
              if (row < batch && unit < unit_end && (slices <= rows * units || i < rows * units)) {
                let at = row * hidden_size + unit;
                let saved_at = saved_begin + row * saved_values * hidden_size + unit;
                if (norm_parameters > 0u && phase_gates[phase] < phase_gates[phase + 1u]) { // static: products that the next phase normalises
                  for (var g = phase_gates[phase]; g < phase_gates[phase + 1u]; g++) { // unroll
                    var product = 0.0;
                    if (sums_meet) { // static
                      for (var part = 0u; part < slices; part++) { // unroll
                        product += sliced[(part * item_sums + i * gates + g) * lanes + lane];
                      }
                    } else {
                      product = sums[i * gates + g];
                    }
                    if (has_lengths) { // static
                      product = select(0.0, product, t < bitcast<u32>(given[place.w + row]));
                    }
                    saved[saved_at + (norm_saved[phase + 1u] + g - phase_gates[phase]) * hidden_size] = to_number(product);
                  }
                } else {
                  if (!reads_early) { // splice
                    var step: CellStep;
                  }
                  if (turn == 0u || !reads_early) { // static
                    var source_row = t * batch + row;
                    var is_void = false; // a token outside the table: its row becomes NaN, and training stops
                    if (gathers) { // static
                      if (reads_early) { // splice
                        let token = next_token;
                        next_token = u32(tokens[time_of(min(position + 1u, steps - 1u), runs_reverse) * batch + row]);
                      } else {
                        let token = u32(tokens[source_row]);
                      }
                      is_void = span.table_rows > 0u && token >= span.table_rows;
                      source_row = select(source_row, min(token, span.table_rows - 1u), span.table_rows > 0u);
                    }
                    let projected_at = source.x + source_row * input_gates * hidden_size + unit;
                    for (var g = phase_gates[max(phase, input_lag) - input_lag]; g < phase_gates[phase + 1u - min(phase + 1u, input_lag)]; g++) { // unroll
                      if (g < input_gates) { // static
                        step.x[g] = f32(projected[projected_at + g * hidden_size]);
                        if (gathers && gradients_apart) { // static
                          step.x[g] += input_bias[source.w + g * hidden_size + unit];
                        }
                        if (gathers) { // static
                          step.x[g] = bitcast<f32>(select(bitcast<u32>(step.x[g]), 0x7fc00000u, is_void));
                        }
                      }
                    }
                    for (var p = norm_parameters; p < parameters; p++) { // unroll
                      step.parameters[p] = bias[source.z + (gates + p) * hidden_size + unit];
                    }
                    for (var s = 0u; s < states; s++) { // unroll
                      if (forward_reads_state[s] || needs_states) { // static
                        if (starts_alone) { // static
                          step.state[s] = given[source.y + s * row_size + at];
                        } else {
                          step.state[s] = state_of(place.x, s, before + at);
                        }
                      }
                    }
                    for (var v = 0u; v < saved_values; v++) { // unroll
                      if (saved_phase[v] < phase) { // static
                        step.saved[v] = f32(saved[saved_at + v * hidden_size]);
                      }
                    }
                  }
                  if (turn == 1u) { // static
                    for (var g = phase_gates[max(phase, input_lag) - input_lag]; g < phase_gates[phase + 1u - min(phase + 1u, input_lag)]; g++) { // unroll
                      if (sums_meet) { // static
                        var sum = 0.0;
                        for (var part = 0u; part < slices; part++) { // unroll
                          sum += sliced[(part * item_sums + i * gates + g) * lanes + lane];
                        }
                        step.u[g] = sum;
                      } else {
                        step.u[g] = sums[select(i, 0u, rows * units == 1u) * gates + g];
                      }
                    }
                    if (norm_parameters > 0u) { // static
                      if (norm_values[phase] > 0u) { // static
                        let own = row_statistics[i / units];
                        step.saved[norm_statistics[phase]] = own.x;
                        step.saved[norm_statistics[phase] + 1u] = own.y;
                        for (var v = 0u; v < norm_values[phase]; v++) { // unroll
                          let normal = (step.saved[norm_saved[phase] + v] - own.x) * own.y;
                          let gain = bias[source.z + (gates + norm_gains[phase] + v) * hidden_size + unit];
                          let value = gain * normal + bias[source.z + (gates + norm_shifts[phase] + v) * hidden_size + unit];
                          if (phase_gates[phase - 1u] < phase_gates[phase]) { // static
                            step.u[phase_gates[phase - 1u] + v] = value;
                          } else {
                            step.vector = value;
                          }
                        }
                      }
                    }
                    step = cell_forward(phase, step);
                    if (has_zoneout) { // static
                      for (var s = 0u; s < states; s++) { // unroll
                        let share = given[place.w + zoneout_begin + (s * steps + t) * row_size + at];
                        step.next[s] = select(mix(step.state[s], step.next[s], share), step.state[s], share == 0.0);
                      }
                    }
                    if (has_lengths) { // static
                      if (t >= bitcast<u32>(given[place.w + row])) {
                        step = hold_state(step);
                      }
                    }
                    for (var v = 0u; v < saved_values; v++) { // unroll
                      if (saved_phase[v] == phase && (keeps_saved || phase + 1u < phases)) { // static
                        saved[saved_at + v * hidden_size] = to_number(step.saved[v]);
                      }
                    }
                    for (var s = 0u; s < states; s++) { // unroll
                      if (state_phase[s] == phase) { // static
                        keep_state(place.x, s, after + at, step.next[s]);
                      }
                    }
                    var multiplied = step.next[0];
                    if (has_mask) { // static
                      let factor = given[place.w + mask_begin + at];
                      if (phase + 1u == phases) { // static
                        multiplied *= factor;
                        keep_masked(place.x, after + at, multiplied);
                      } else if (masks_vector) {
                        step.vector *= factor;
                      }
                    }
                    if (phase >= first_vector && phase + 1u < phases) { // static
                      history[place.x + vector_begin_of(phase) + after + at] = to_number(step.vector);
                    }
                    if (carries) { // static
                      if (phase + 1u == phases) { // static
                        carried[i / units * padded_size + unit] = f32(to_number(multiplied));
                      } else if (phase >= first_vector) { // static
                        carried[i / units * padded_size + unit] = f32(to_number(step.vector));
                      }
                    }
                  }
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
      break if index >= walk.y;
    }
  }
}
`,
} as const satisfies KernelDescription;
