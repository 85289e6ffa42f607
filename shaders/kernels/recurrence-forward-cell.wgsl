// Recurrence, forward, of a time step whose products another launch has computed: the cell of one phase.
//
// Dispatch: as kernels/recurrence-forward walks stepwise: x = ceil(batch / rows) groups of batch rows,
//   y = ceil(hidden_size / lanes) tiles of units, z = the span's tracks. A thread does the cell of one unit for `rows`
//   batch rows, one after another.
// Layouts: as in kernels/recurrence-forward, and products [B, gates, H], W_hh·v without a bias, for each track
//   `products_stride` behind the one before.
// FLOPs: those of the cell only. Bytes 4·B·H·(gates + input_gates + saved_values + 2·states) a step.
//
// Right for: many rows on a CPU. All products of a plan, those of recurrent weights among them, then are launches of one
// kernel with many sums in registers, which takes a software adapter half a second to build, in place of three such
// kernels; products go through memory once more, which costs a few percent of a step (docs/adr/0052-products-apart.md).
// A GPU would wait for another dispatch at each step.
//! join lib/recurrence-forward-read
//! join lib/recurrence-forward-keep
//! join lib/recurrence-cell
//! join cell

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> projected: array<projected_number>;
@group(0) @binding(2) var<storage, read> products: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> given: array<f32>;
@group(0) @binding(5) var<storage, read_write> history: array<number>;
@group(0) @binding(6) var<storage, read_write> saved: array<number>;
@group(0) @binding(7) var<storage, read> tokens: array<i32>;
@group(0) @binding(8) var<storage, read> input_bias: array<f32>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first_row = group.x * rows;
  let unit_begin = group.y * unit_tile;
  let unit_end = min(unit_begin + unit_tile, hidden_size);
  let track = track_of(group.z);
  if (track.walk.z == 1u) {
    keep_first_state(track, first_row, unit_begin, unit_end, lane, 0u);
  }
  if (track.walk.y == 0u) {
    return;
  }
  take_step(first_row, unit_begin, unit_end, lane, track);
}

fn take_phase(phase: u32, first_row: u32, unit_begin: u32, unit_end: u32, lane: u32, moment: Moment, track: Track) { // inline
  let products_begin = products_of(track);
  var unit_bias: array<f32, gates>; // registers
  for (var g = phase_gates[phase]; g < phase_gates[phase + 1u]; g++) { // unroll
    unit_bias[g] = bias_of(track, g, min(unit_begin + lane, hidden_size - 1u));
  }
  let end = min(rows, batch - first_row);
  var r = 0u;
  loop {
    let item = item_of(r, unit_begin, first_row, lane, moment);
    if (item.unit < unit_end) {
      var next_token = 0u;
      var step: CellStep;
      read_step(&step, &next_token, phase, item, moment, track);
      let product_at = products_begin + item.row * gates * hidden_size + item.unit;
      for (var g = phase_gates[phase]; g < phase_gates[phase + 1u]; g++) { // unroll
        step.u[g] = products[product_at + g * hidden_size] + unit_bias[g];
      }
      finish_step(&step, r, phase, item, moment, track);
    }
    continuing {
      r += 1u;
      break if r >= end;
    }
  }
}
