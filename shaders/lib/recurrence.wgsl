// What the recurrence kernels share: sizes, the register tile, and where states lie in the history.
// The history holds states and phase vectors one after another, each `section_size` floats: y[t] at
// y_origin + t·B·H, or t·B·H where a track walks back in time; the initial state one slot before the first
// in processing order.
//
// A track is one recurrence of those that share a dispatch: a direction, or a layer. The grid's z says which
// of the span's tracks a workgroup works on; sizes and cell are the same for all.
//
// In half precision weights, states, saved values and gate gradients are stored as f16. h, the first state, takes
// one number; the states behind it add up over time, where rounding would swallow small changes, and take two:
// the value and what rounding it has left.
//! join lib/half

const steps: u32 = 16u; // specialize
const batch: u32 = 4u; // specialize
const hidden_size: u32 = 8u; // specialize
const state_size: u32 = 8u; // specialize: what of h is not zero: hidden_size, or that of a projection
const rows: u32 = 2u; // specialize
const units: u32 = 1u; // specialize
const lanes: u32 = 8u; // specialize
const unit_tile: u32 = 8u; // specialize
const spreads: bool = false; // specialize
const stages: bool = false; // specialize
const slices: u32 = 1u; // specialize: threads that share the sums of a unit, each with its part of k
const held_quads: u32 = 0u; // specialize: of each sum's quads of k, those whose weights stay with the thread
const carries: bool = false; // specialize: what a step hands to the next one goes through workgroup memory
const y_origin: u32 = 64u; // specialize
const section_size: u32 = 576u; // specialize
const tracks: u32 = 1u; // specialize
const is_half: bool = false; // specialize
const has_lengths: bool = false; // specialize
const has_mask: bool = false; // specialize
const has_zoneout: bool = false; // specialize
alias number = f32; // f16: is_half
alias quad = vec4f; // f16: is_half

const threads: u32 = lanes * slices;
const row_size: u32 = batch * hidden_size;

// What a recurrence may be given beside its states, from `extras` on in the buffer `given`, one behind the other:
//   lengths [B], bit patterns of i32: steps at or behind a row's length leave its state as it is;
//   mask [B, H]: a factor on the h that the recurrent matmul reads, the same at all steps (recurrent dropout).
//     Masked h is kept in a section of its own, the last one, for the matmul and for the weights' gradient;
//   zoneout [states, T, B, H]: the share of the new value in the state, the rest stays;
//   backward only: the cell's parameters [parameters, H].
const mask_begin: u32 = select(0u, batch, has_lengths);
const zoneout_begin: u32 = mask_begin + select(0u, row_size, has_mask);
const parameters_begin: u32 = zoneout_begin + select(0u, states * steps * row_size, has_zoneout);
const needs_states: bool = has_lengths || has_zoneout;
// Whether threads read what others of their workgroup have written. Stepwise they do not, the dispatch ends first:
// without a barrier a software adapter runs a workgroup in one go, on GPUs none waits for its last writes.
const hands_on: bool = unit_tile >= hidden_size;
// … and wait for each other. The lanes of a workgroup that is a quad need not, where they spread their loads: a lane
// loads the numbers of its own units, and gets the others' from them. Normalising reads whole rows.
const waits: bool = hands_on && !(spreads && threads == 4u && norm_parameters == 0u);
// Weights are packed by tiles of units, so that every index but the tile's is known to be in bounds:
// compilers then leave out their checks.
const tile_units: u32 = lanes * units;
const tiles: u32 = (hidden_size + tile_units - 1u) / tile_units;
const all_tiles: u32 = tracks * tiles;
const hidden_quads: u32 = (hidden_size + 3u) / 4u;
const state_quads: u32 = (state_size + 3u) / 4u;
const has_tail: bool = hidden_size % 4u != 0u;
// Whether the last phase makes h of the first state_size units; behind them weights and h are zero.
const projects: bool = state_size < hidden_size;
const padded_size: u32 = 4u * hidden_quads;
// Quads of k of a thread, for each of its sums.
const slice_quads: u32 = (hidden_quads + slices - 1u) / slices;
const holds: bool = held_quads > 0u;
// Slices walk k in rounds whose loads are all on the way at once; weights that a thread holds are in the only one.
const most_unrolled: u32 = max(1u, 64u / (gates * units));
const sliced_rounds: u32 = select((slice_quads + most_unrolled - 1u) / most_unrolled, 1u, holds);
const rounds: u32 = select(hidden_quads, sliced_rounds, slices > 1u);
const round_quads: u32 = (slice_quads + rounds - 1u) / rounds;
const state_rounds: u32 = (state_quads + round_quads * slices - 1u) / (round_quads * slices);
// Whether some of those quads lie behind the end of k, and no zeros are held for them.
const passes_end: bool = rounds * round_quads * slices > hidden_quads && held_quads < slice_quads;

// Where number `at` of a state's section lies in the history of a track that begins at `origin`.
fn state_place(origin: u32, s: u32, at: u32) -> u32 {
  if (is_half) { // static
    return origin + select((2u * s - 1u) * section_size + 2u * at, at, s == 0u);
  } else {
    return origin + s * section_size + at;
  }
}

// Where the section of the vector behind a phase begins; masked h lies behind the last one.
fn vector_begin_of(phase: u32) -> u32 {
  return (select(states, 2u * states - 1u, is_half) + phase - first_vector) * section_size;
}
const masked_phase: u32 = phases - 1u;
// Phases by which a gate's input comes behind its product: a normalised product is first handed on as it is.
const input_lag: u32 = select(0u, 1u, norm_parameters > 0u);

fn to_number(value: f32) -> number {
  if (is_half) { // static
    return number(to_half_range(value));
  } else {
    return number(value);
  }
}

// A number of a state out of the history.
fn state_of(origin: u32, s: u32, at: u32) -> f32 {
  let place = state_place(origin, s, at);
  if (is_half) { // static
    // Behind a number of h lies the next one, not its rest.
    if (s > 0u) {
      return f32(history[place]) + f32(history[place + 1u]);
    }
  }
  return f32(history[place]);
}
