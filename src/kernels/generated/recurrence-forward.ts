// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const recurrenceForward = {
  name: 'recurrence-forward',
  entryPoint: 'main',
  joins: ['lib/cell-step', 'lib/half', 'lib/recurrence', 'lib/recurrence-track', 'lib/recurrence-forward-read', 'lib/normalize', 'lib/recurrence-forward-keep', 'lib/quads', 'lib/recurrence-forward-vector', 'lib/recurrence-sums', 'lib/recurrence-forward-sums', 'lib/recurrence-forward-walk'],
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
    row_step: 'u32',
    unit_step: 'u32',
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
//     sequences are independent, no workgroup waits for another; one barrier per phase, one more where it \`stages\`,
//     none where the workgroup is a quad that spreads its loads (lib/recurrence).
//   stepwise:   unit_tile < hidden_size, \`span\` holds one phase of one step; the dispatch is the barrier.
// A thread holds all gates of a unit for \`rows\` batch rows in registers, so the cell is the epilogue of
// the recurrent matmul. Per k it loads rows + gates·units values for rows·gates·units multiply-adds.
// \`slices\` threads share a unit: each sums every so manieth quad of k, the sums meet in workgroup memory, and each
// thread then does the cell for its share of the rows.
// \`carries\`: what a step hands to the next one goes through workgroup memory, into storage only for the backward pass.
// \`holds\`: the slices are the lanes of a quad, and each keeps its part of the weights from step to step, and as a part
// of a fused kernel from repetition to repetition: held_quads of its quads of k, and the others are loaded.
//
// Layouts: projected, tokens, input_bias as in lib/recurrence-forward-read;
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
// is built quickly; their workgroup is a quad: one without barriers is run in one go, by whichever core is free
// (docs/adr/0048). Held weights are registers of a GPU, which else reads all of them from its second-level cache at
// each step (docs/adr/0032); a software adapter has memory for each thread, where a load is one instruction and not a
// hundred (docs/adr/0029).
//! join lib/recurrence-forward-walk
//! join cell

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
  if (!starts_alone || keeps_saved) { // static: the backward pass reads it
    if (track.walk.z == 1u) {
      keep_first_state(track, first_row, unit_begin, unit_end, lane, slice);
      if (waits && !starts_alone) { // static
        storageBarrier();
      }
    }
  }
  if (carries) { // static
    carry_old_state(track, first_row, local);
    workgroupBarrier();
  }
  if (tracks > 1u || !hands_on) { // static: of tracks that share a dispatch, one may have nothing to do; a dispatch may only copy
    if (track.walk.y == 0u) {
      return;
    }
  }

  var next_token = 0u;
  if (gathers && reads_early) { // static: a token's row is only known when the token has come
    next_token = u32(tokens[time_of(track.walk.x, track.runs_reverse) * batch + min(first_row + slice / units, batch - 1u)]);
  }
  if (hands_on) { // static
    var index = 0u;
    loop {
      take_step(&next_token, track.walk.x + index, first_row, unit_begin, unit_end, local, lane, slice, longest, track);
      continuing {
        index += 1u;
        break if index >= track.walk.y;
      }
    }
  } else {
    take_step(&next_token, track.walk.x, first_row, unit_begin, unit_end, local, lane, slice, longest, track);
  }
}
`,
} as const satisfies KernelDescription;
