// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const recurrenceBackward = {
  name: 'recurrence-backward',
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
    has_output_gradient: 'bool',
    d_output_is_half: 'bool',
    projected_stride: 'u32',
    staged_gates: 'u32',
  },
  bindings: {
    span: {
      group: 0,
      binding: 0,
      kind: 'uniform',
      access: 'read',
      type: 'BackwardSpan',
      struct: {
        sizeBytes: 208,
        fields: {
          end_phase: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          first_phase: { offsetBytes: 4, sizeBytes: 4, type: 'u32' },
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
    d_output: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<d_output_number>',
    },
    given: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
    weight: {
      group: 0,
      binding: 3,
      kind: 'storage',
      access: 'read',
      type: 'array<array<array<array<array<quad, lanes>, units>, hidden_quads>, gates>, all_tiles>',
    },
    history: {
      group: 0,
      binding: 4,
      kind: 'storage',
      access: 'read',
      type: 'array<number>',
    },
    saved: {
      group: 0,
      binding: 5,
      kind: 'storage',
      access: 'read',
      type: 'array<number>',
    },
    d_recurrent: {
      group: 0,
      binding: 6,
      kind: 'storage',
      access: 'read_write',
      type: 'array<number>',
    },
    d_projected: {
      group: 0,
      binding: 7,
      kind: 'storage',
      access: 'read_write',
      type: 'array<number>',
    },
    carry: {
      group: 0,
      binding: 8,
      kind: 'storage',
      access: 'read_write',
      type: 'array<f32>',
    },
  },
  source: `// Recurrence, backward: walks time from the last processed step to the first and yields the gradients
// of all gate pre-activations; weight gradients are matmuls over them afterwards.
//
// Dispatch, strategies, tracks, lanes and slices as in recurrence-forward. A thread holds one state gradient per unit
// and row: d_h[k] = sum over gates and units j of d_recurrent[j]·weight_hh[j, k]. One barrier per phase, and one
// behind what is staged.
// \`span\` counts positions backwards: index i stands for position \`steps - 1 - i\`; the last index,
// \`steps\`, has no cell step and only carries the gradient through the weights into the initial state.
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

const items: u32 = rows * units;

const staged_gates: u32 = 1u; // specialize: gates that are staged at a time
const staged_quads: u32 = staged_gates * hidden_quads;
const stages_all: bool = stages && staged_gates == gates;

// Whether the sums of slices meet in workgroup memory.
const sums_meet: bool = slices > 1u && !holds;
// A thread that has one cell step at most reads what that needs before it multiplies, and waits for it less.
const reads_early: bool = carries && items <= slices && unit_tile <= tile_units && phases == 1u;

var<workgroup> staged: array<vec4f, rows * staged_quads>;
var<workgroup> sliced: array<f32, slices * items * lanes>;
// The gates' gradients of the step before, of each row.
var<workgroup> carried: array<f32, rows * gates * padded_size>;

// A thread's quads of k for each of its sums.
var<private> held: array<vec4f, gates * held_quads * units>;
var<private> is_held: bool;

fn hold_weights(tile: u32, lane: u32, slice: u32) {
  var at = 0u;
  for (var g = 0u; g < gates; g++) {
    for (var q = 0u; q < held_quads; q++) {
      let k4 = min(q * slices + slice, hidden_quads - 1u);
      let is_inside = q * slices + slice < hidden_quads;
      for (var n = 0u; n < units; n++) {
        held[at] = select(vec4f(), vec4f(weight[tile][g][k4][n][lane]), is_inside);
        at++;
      }
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
  let projected_begin = place.z / tiles * projected_stride;
  var longest = steps;
  if (has_lengths) { // static: behind the end of all rows there is nothing to multiply
    longest = 0u;
    for (var r = 0u; r < rows; r++) {
      longest = max(longest, bitcast<u32>(given[place.w + min(first_row + r, batch - 1u)]));
    }
  }
  if (holds) { // static
    if (!is_held) {
      hold_weights(place.z, lane, slice);
      is_held = true;
    }
  }

  if (walk.z == 1u) {
    for (var unit = unit_begin + lane; unit < unit_end; unit += lanes) {
      for (var r = slice; r < rows; r += slices) {
        if (first_row + r < batch) {
          let at = (first_row + r) * hidden_size + unit;
          for (var s = 0u; s < states; s++) {
            carry[place.y + s * row_size + at] = given[source.y + s * row_size + at];
          }
        }
      }
    }
    if (slices > 1u) { // static: otherwise only the thread itself reads what it has just written
      storageBarrier();
    }
  }

  if (tracks > 1u) { // static: of tracks that share a dispatch, one may have nothing to do
    if (walk.y == 0u) {
      return;
    }
  }
  if (carries) { // static
    // What an earlier dispatch has handed on; nothing comes before the last step.
    let next = steps - min(walk.x, steps);
    if (next < steps) {
      let begin = place.x + time_of(next, runs_reverse) * batch * gate_size;
      for (var i = local; i < rows * gates * hidden_size; i += threads) {
        let row = min(first_row + i / (gates * hidden_size), batch - 1u);
        let column = i % (gates * hidden_size);
        carried[i / hidden_size * padded_size + i % hidden_size] = f32(d_recurrent[begin + row * gate_size + column]);
      }
    }
    workgroupBarrier();
  }
  var index = 0u;
  loop {
    let back = walk.x + index;
    let is_step = back < steps;
    let position = select(0u, steps - 1u - back, is_step);
    let t = time_of(position, runs_reverse);
    for (var down = 0u; down < phases; down++) { // unroll
      if (phases - 1u - down >= span.first_phase && phases - 1u - down < span.end_phase
          && (is_step || down == 0u)) {
        // The last phase receives through phase 0 of the following step, the others through the next phase.
        let source_position = select(position + 1u, position, down > 0u || !is_step);
        let has_source = source_position < steps;
        let source_begin = place.x + time_of(source_position, runs_reverse) * batch * gate_size;
        if (norm_parameters > 0u) { // static
          if (norm_values[phases - down] > 0u) { // static: what this phase saved, the next one has normalised
            describe_gradients(local, first_row, place.x + t * batch * gate_size, place.w + parameters_begin,
              norm_gains[phases - down], norm_shifts[phases - down], norm_values[phases - down]);
          }
        }
        if (reads_early) { // splice
          var gradient: CellGradient;
        }
        for (var turn = select(1u, 0u, reads_early); turn < 2u; turn++) { // unroll
          var base = unit_begin;
          loop {
            if (turn == 1u) { // splice
              let tile = place.z + base / tile_units;
              var acc: array<f32, rows * units>; // registers
              var row_begin: array<u32, rows>; // registers
              for (var r = 0u; r < rows; r++) { // unroll
                row_begin[r] = source_begin + min(first_row + r, batch - 1u) * gate_size;
              }
              if (multiplies && phase_gates[(phases - down) % phases] < phase_gates[(phases - down) % phases + 1u]) { // static
                if (has_source && (!has_lengths || time_of(source_position, runs_reverse) < longest)) {
                  let end_gate = phase_gates[(phases - down) % phases + 1u];
                  for (var first_gate = phase_gates[(phases - down) % phases]; first_gate < end_gate; first_gate += staged_gates) {
                    if (stages) { // static
                      if (!carries || unit_tile > tile_units || staged_gates < gates) { // static: what is staged may still be read
                        workgroupBarrier();
                      }
                      for (var i = local; i < rows * staged_quads; i += threads) {
                        let g = min(first_gate + i % staged_quads / hidden_quads, gates - 1u);
                        let k = i % hidden_quads * 4u;
                        if (carries) { // static
                          let begin = (i / staged_quads * gates + g) * padded_size + k;
                          staged[i] = vec4f(carried[begin], carried[begin + 1u], carried[begin + 2u], carried[begin + 3u]);
                        } else {
                          let begin = source_begin + min(first_row + i / staged_quads, batch - 1u) * gate_size + g * hidden_size;
                          staged[i] = vec4f(gradient_at(begin, k), gradient_at(begin, k + 1u), gradient_at(begin, k + 2u), gradient_at(begin, k + 3u));
                        }
                      }
                      workgroupBarrier();
                    }
                    if (stages_all && slices > 1u) { // static
                      for (var first = slice; first < hidden_quads; first += round_quads * slices) {
                        for (var u = 0u; u < round_quads; u++) { // unroll
                          if (passes_end) { // splice
                            let k4 = min(first + u * slices, hidden_quads - 1u);
                          } else {
                            let k4 = first + u * slices;
                          }
                          for (var g = phase_gates[(phases - down) % phases]; g < phase_gates[(phases - down) % phases + 1u]; g++) { // unroll
                            var v: array<vec4f, rows>; // registers
                            for (var r = 0u; r < rows; r++) { // unroll
                              v[r] = staged[r * staged_quads + (g - phase_gates[(phases - down) % phases]) * hidden_quads + k4];
                              if (passes_end) { // static
                                v[r] = select(vec4f(), v[r], first + u * slices < hidden_quads);
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
                        }
                      }
                    } else {
                      for (var g = first_gate; g < min(first_gate + staged_gates, end_gate); g++) {
                        for (var k4 = slice; k4 < hidden_quads; k4 += slices) {
                          var v: array<vec4f, rows>; // registers
                          for (var r = 0u; r < rows; r++) { // unroll
                            let begin = row_begin[r] + g * hidden_size;
                            if (stages) { // static
                              v[r] = staged[r * staged_quads + (g - first_gate) * hidden_quads + k4];
                            } else if (spreads) { // static
                              v[r] = swap_quad(gradient_at(begin, 4u * k4 + lane % 4u));
                            } else {
                              v[r] = vec4f(gradient_at(begin, 4u * k4), gradient_at(begin, 4u * k4 + 1u),
                                gradient_at(begin, 4u * k4 + 2u), gradient_at(begin, 4u * k4 + 3u));
                            }
                          }
                          for (var n = 0u; n < units; n++) { // unroll
                            let w = vec4f(weight[tile][g][k4][n][lane]);
                            for (var r = 0u; r < rows; r++) { // unroll
                              acc[r * units + n] += dot(v[r], w);
                            }
                          }
                        }
                      }
                    }
                  }
                }
              }
              // One copy of the cell for all sums of the tile: its code is long, and pipelines are built faster.
              var sums: array<f32, items>;
              if (sums_meet) { // static
                if (unit_tile > tile_units) { // static: sums of the tile before may still be read
                  workgroupBarrier();
                }
                for (var i = 0u; i < items; i++) { // unroll
                  sliced[(slice * items + i) * lanes + lane] = acc[i];
                }
                workgroupBarrier();
              } else if (holds) { // static
                for (var i = 0u; i < items; i++) { // unroll
                  sums[i] = sum_quad(acc[i]);
                }
              } else {
                for (var i = 0u; i < items; i++) { // unroll
                  sums[i] = acc[i];
                }
              }
            }
            var i = slice;
            loop {
              let row = first_row + i / units;
              let unit = base + i % units * lanes + lane;
              if (row < batch && unit < unit_end && (slices <= items || i < items)) {
                let at = row * hidden_size + unit;
                let gate_at = place.x + (t * batch + row) * gate_size + unit;
                let saved_at = source.w + (t * batch + row) * saved_values * hidden_size + unit;
                var through = 0.0; // the gradient through the weights
                if (turn == 1u) { // static
                  if (sums_meet) { // static
                    for (var part = 0u; part < slices; part++) { // unroll
                      through += sliced[(part * items + i) * lanes + lane];
                    }
                  } else {
                    through = sums[select(i, 0u, items == 1u)];
                  }
                  if (has_mask && (masks_vector || down == 0u)) { // static
                    through *= given[place.w + mask_begin + at];
                  }
                }
                if (!is_step) {
                  if (turn == 1u) { // static
                    carry[place.y + at] += through;
                  }
                } else {
                  let projected_at = projected_begin + (t * batch + row) * input_gates * hidden_size + unit;
                  if (norm_parameters > 0u && phase_gates[phases - 1u - down] < phase_gates[phases - down]) { // static: products, no cell step
                    for (var v = 0u; v < norm_values[phases - down]; v++) { // unroll
                      let d_shift = f32(d_recurrent[gate_at + (gates + norm_shifts[phases - down] + v) * hidden_size]);
                      let gain = given[place.w + parameters_begin + (norm_gains[phases - down] + v) * hidden_size + unit];
                      let d_product = unit_gradient(saved_at, norm_saved[phases - down] + v, norm_statistics[phases - down],
                        d_shift * gain, row_statistics[i / units]);
                      d_recurrent[gate_at + (phase_gates[phases - 1u - down] + v) * hidden_size] = to_number(d_product);
                    }
                  } else {
                    if (!reads_early) { // splice
                      var gradient: CellGradient;
                    }
                    if (turn == 0u || !reads_early) { // static
                      for (var v = 0u; v < saved_values; v++) { // unroll
                        gradient.saved[v] = f32(saved[saved_at + v * hidden_size]);
                      }
                      for (var s = 0u; s < states; s++) { // unroll
                        if (backward_reads_state[s]) { // static
                          gradient.state[s] = state_of(source.z, s, slot(position, runs_reverse) + at);
                        }
                        if (backward_reads_next[s]) { // static
                          gradient.next[s] = state_of(source.z, s, slot(position + 1u, runs_reverse) + at);
                        }
                        if (down == 0u) { // static
                          gradient.d_next[s] = carry[place.y + s * row_size + at];
                        } else {
                          gradient.d_state[s] = carry[place.y + s * row_size + at];
                        }
                      }
                      if (has_output_gradient && down == 0u) { // static
                        gradient.d_next[0] += f32(d_output[source.x + t * row_size + at]);
                      }
                      for (var p = norm_parameters; p < parameters; p++) { // unroll
                        gradient.parameters[p] = given[place.w + parameters_begin + p * hidden_size + unit];
                      }
                    }
                    if (turn == 1u) { // static
                      if (down == 0u) { // static
                        gradient.d_next[0] += through;
                      } else {
                        gradient.d_vector = through;
                      }
                      if (norm_parameters > 0u) { // static
                        if (norm_values[phases - down] > 0u) { // static
                          let d_shift = f32(d_recurrent[gate_at + (gates + norm_shifts[phases - down]) * hidden_size]);
                          let gain = given[place.w + parameters_begin + norm_gains[phases - down] * hidden_size + unit];
                          gradient.d_vector = unit_gradient(saved_at, norm_saved[phases - down], norm_statistics[phases - down],
                            d_shift * gain, row_statistics[i / units]);
                        }
                      }
                      var complete: CellGradient;
                      if (needs_states) { // static
                        complete = gradient;
                      }
                      if (has_zoneout && down == 0u) { // static
                        for (var s = 0u; s < states; s++) { // unroll
                          gradient.d_next[s] *= given[place.w + zoneout_begin + (s * steps + t) * row_size + at];
                        }
                      }
                      gradient = cell_backward(phases - 1u - down, gradient);
                      if (has_zoneout && down == 0u) { // static
                        for (var s = 0u; s < states; s++) { // unroll
                          gradient.d_state[s] += complete.d_next[s] - gradient.d_next[s];
                        }
                      }
                      if (has_lengths) { // static
                        if (t >= bitcast<u32>(given[place.w + row])) {
                          gradient = hold_gradient(complete, down == 0u);
                        }
                      }
                      for (var g = 0u; g < gates; g++) { // unroll
                        if (gradient_phase[g] == phases - 1u - down) { // static
                          d_recurrent[gate_at + g * hidden_size] = to_number(gradient.du[g]);
                          if (carries) { // static
                            carried[(i / units * gates + g) * padded_size + unit] = f32(to_number(gradient.du[g]));
                          }
                          if (gradients_apart && norm_parameters == 0u && g < input_gates) { // static
                            d_projected[projected_at + g * hidden_size] = to_number(gradient.dx[g]);
                          }
                        }
                      }
                      if (norm_parameters > 0u) { // static
                        for (var g = 0u; g < gates; g++) { // unroll
                          if (input_gradient_phase[g] == phases - 1u - down) { // static
                            let at_norm = g - phase_gates[gate_norm[g] - 1u];
                            let normal = normal_at(saved_at, norm_saved[gate_norm[g]] + at_norm, norm_statistics[gate_norm[g]]);
                            d_projected[projected_at + g * hidden_size] = to_number(gradient.dx[g]);
                            d_recurrent[gate_at + (gates + norm_gains[gate_norm[g]] + at_norm) * hidden_size] = to_number(gradient.du[g] * normal);
                            d_recurrent[gate_at + (gates + norm_shifts[gate_norm[g]] + at_norm) * hidden_size] = to_number(gradient.du[g]);
                          }
                        }
                        if (norm_values[phases - 1u - down] > 0u && phase_gates[max(phases - 1u - down, 1u) - 1u] == phase_gates[phases - 1u - down]) { // static
                          let normal = normal_at(saved_at, norm_saved[phases - 1u - down], norm_statistics[phases - 1u - down]);
                          d_recurrent[gate_at + (gates + norm_gains[phases - 1u - down]) * hidden_size] = to_number(gradient.d_vector * normal);
                          d_recurrent[gate_at + (gates + norm_shifts[phases - 1u - down]) * hidden_size] = to_number(gradient.d_vector);
                        }
                      }
                      for (var p = norm_parameters; p < parameters; p++) { // unroll
                        if (down + 1u == phases) { // static
                          d_recurrent[gate_at + (gates + p) * hidden_size] = to_number(gradient.d_parameters[p]);
                        }
                      }
                      for (var s = 0u; s < states; s++) { // unroll
                        carry[place.y + s * row_size + at] = gradient.d_state[s];
                      }
                    }
                  }
                }
              }
              continuing {
                i += slices;
                break if i >= items;
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
