// Recurrence, backward: a time step, its phases and the tiles of units of a phase. Bindings and tile are those
// of kernels/recurrence-backward.
//! join lib/recurrence-backward-read
//! join lib/recurrence-backward-keep
//! join lib/recurrence-backward-sums

fn take_step(back: u32, first_row: u32, unit_begin: u32, unit_end: u32, local: u32, lane: u32, slice: u32, longest: u32, track: Track) { // inline
  let moment = moment_of(track, back);
  for (var down = 0u; down < phases; down++) { // unroll
    let phase = phases - 1u - down;
    if (phases == 1u) { // static
      take_phase(phase, first_row, unit_begin, unit_end, local, lane, slice, moment, longest, track);
    } else if (phase >= span.first_phase && phase < span.end_phase && (moment.is_step || down == 0u)) {
      take_phase(phase, first_row, unit_begin, unit_end, local, lane, slice, moment, longest, track);
    }
  }
}

fn take_phase(phase: u32, first_row: u32, unit_begin: u32, unit_end: u32, local: u32, lane: u32, slice: u32, moment: Moment, longest: u32,
    track: Track) { // inline
  let source = source_of(track, moment, phase);
  if (norm_parameters > 0u) { // static
    if (norm_values[phase + 1u] > 0u) { // static: what this phase saved, the next one has normalised
      describe_gradients(local, first_row, track.place.x + moment.t * batch * gate_size, track.place.w + parameters_begin,
        norm_gains[phase + 1u], norm_shifts[phase + 1u], norm_values[phase + 1u]);
    }
  }
  if (reads_early) { // static: there is one tile, and one item
    let item = item_of(slice, unit_begin, first_row, lane, moment, track);
    let is_inside = item.row < batch && item.unit < unit_end && slice < item_sums;
    var gradient: CellGradient;
    if (is_inside && moment.is_step) {
      read_gradient(&gradient, phase, item, moment, track);
    }
    var acc: array<f32, item_sums>; // registers
    sum_tile(&acc, phase, source, unit_begin, first_row, local, lane, slice, longest, track);
    var sums = acc;
    if (is_inside) {
      var through = 0.0;
      take_through(&through, &sums, slice, lane);
      mask_through(&through, phase, item, track);
      if (moment.is_step) {
        finish_gradient(&gradient, through, slice, phase, item, moment, track);
      } else {
        carry[track.place.y + item.at] += through;
      }
    }
  } else if (unit_tile <= tile_units) { // static: a loop around so much code takes long to build
    take_tile(phase, source, unit_begin, unit_end, first_row, local, lane, slice, moment, longest, track);
  } else {
    var base = unit_begin;
    loop {
      take_tile(phase, source, base, unit_end, first_row, local, lane, slice, moment, longest, track);
      continuing {
        base += tile_units;
        break if base >= unit_end;
      }
    }
  }
  if (carries) { // static
    workgroupBarrier();
  } else if (waits) { // static
    storageBarrier();
  }
}

fn take_tile(phase: u32, source: Source, base: u32, unit_end: u32, first_row: u32, local: u32, lane: u32, slice: u32, moment: Moment, longest: u32,
    track: Track) { // inline
  var acc: array<f32, item_sums>; // registers
  sum_tile(&acc, phase, source, base, first_row, local, lane, slice, longest, track);
  var sums = acc;
  var i = slice;
  loop {
    let item = item_of(i, base, first_row, lane, moment, track);
    if (item.row < batch && item.unit < unit_end && (slices <= item_sums || i < item_sums)) {
      var through = 0.0;
      take_through(&through, &sums, i, lane);
      mask_through(&through, phase, item, track);
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
}
