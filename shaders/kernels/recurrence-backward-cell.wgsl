// Recurrence, backward, of a time step whose products another launch has computed: the gradient of the cell of one
// phase, or what the state's gradient gets through the weights in front of the first step.
//
// Dispatch, and what it is right for: as kernels/recurrence-forward-cell.
// Layouts: as in kernels/recurrence-backward, and products [B, H], d_recurrent·W_hh of what comes after, for each
//   track `products_stride` behind the one before; whatever they are, they are not read where nothing comes after.
// FLOPs: those of the cell only. Bytes 4·B·H·(2 + saved_values + 3·states + 2·gates) a step.
//! join lib/recurrence-backward-source
//! join lib/recurrence-backward-keep
//! join lib/recurrence-cell
//! join cell

@group(0) @binding(0) var<uniform> span: BackwardSpan;
@group(0) @binding(1) var<storage, read> d_output: array<d_output_number>;
@group(0) @binding(2) var<storage, read> given: array<f32>;
@group(0) @binding(3) var<storage, read> products: array<f32>;
@group(0) @binding(4) var<storage, read> history: array<number>;
@group(0) @binding(5) var<storage, read> saved: array<number>;
@group(0) @binding(6) var<storage, read_write> d_recurrent: array<number>;
@group(0) @binding(7) var<storage, read_write> d_projected: array<number>;
@group(0) @binding(8) var<storage, read_write> carry: array<f32>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first_row = group.x * rows;
  let unit_begin = group.y * unit_tile;
  let unit_end = min(unit_begin + unit_tile, hidden_size);
  let track = track_of(group.z);
  if (track.walk.z == 1u) {
    keep_last_gradient(track, first_row, unit_begin, unit_end, lane, 0u);
  }
  if (track.walk.y == 0u) {
    return;
  }
  take_step(first_row, unit_begin, unit_end, lane, track);
}

fn take_phase(phase: u32, first_row: u32, unit_begin: u32, unit_end: u32, lane: u32, moment: Moment, track: Track) { // inline
  let products_begin = products_of(track);
  let next = (phase + 1u) % phases;
  let exists = source_of(track, moment, phase).exists;
  let end = min(rows, batch - first_row);
  var r = 0u;
  loop {
    let item = item_of(r, unit_begin, first_row, lane, moment, track);
    if (item.unit < unit_end) {
      var through = 0.0;
      if (phase_gates[next] < phase_gates[next + 1u]) { // static
        through = select(0.0, products[products_begin + item.at], exists);
        mask_through(&through, phase, item, track);
      }
      if (moment.is_step) {
        var gradient: CellGradient;
        read_gradient(&gradient, phase, item, moment, track);
        finish_gradient(&gradient, through, r, phase, item, moment, track);
      } else {
        carry[track.place.y + item.at] += through;
      }
    }
    continuing {
      r += 1u;
      break if r >= end;
    }
  }
}
