// Recurrence, backward: walks time from the last processed step to the first and yields the gradients
// of all gate pre-activations; weight gradients are matmuls over them afterwards.
//
// Dispatch, strategies, tracks, lanes and slices as in recurrence-forward. A thread holds one state gradient per unit
// and row: d_h[k] = sum over gates and units j of d_recurrent[j]·weight_hh[j, k]. Barriers as there.
// `span` counts positions backwards: index i stands for position `steps - 1 - i`; the last index,
// `steps`, has no cell step and only carries the gradient through the weights into the initial state.
//
// Layouts: d_output [T, B, H]; given: the gradient of the final state [states, B, H], and the extras of
//   lib/recurrence; weight [tiles, gates, H/4, units, lanes, 4] (weight_hh in row quads); history and saved as in
//   recurrence-forward; d_recurrent [T, B, gates + parameters, H]; d_projected [T, B, input_gates, H]; carry
//   [states, B, H], which ends as the gradient of the initial state.
// FLOPs 2·T·B·gates·H², bytes 4·T·B·H·(1 + saved_values + 2·states + 2·gates) beside the weights.
// Right for the same devices and reasons as recurrence-forward.
//! join lib/recurrence-backward-walk
//! join cell

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
  if (tracks > 1u || !hands_on) { // static: of tracks that share a dispatch, one may have nothing to do; a dispatch may only copy
    if (track.walk.y == 0u) {
      return;
    }
  }
  if (carries) { // static
    carry_old_gradients(track, first_row, local);
    workgroupBarrier();
  }

  if (hands_on) { // static
    var index = 0u;
    loop {
      take_step(track.walk.x + index, first_row, unit_begin, unit_end, local, lane, slice, longest, track);
      continuing {
        index += 1u;
        break if index >= track.walk.y;
      }
    }
  } else {
    take_step(track.walk.x, first_row, unit_begin, unit_end, local, lane, slice, longest, track);
  }
}
