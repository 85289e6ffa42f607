// Recurrence, forward: a time step, its phases and the tiles of units of a phase. Bindings and tile are those
// of kernels/recurrence-forward.
//! join lib/recurrence-forward-read
//! join lib/recurrence-forward-keep
//! join lib/recurrence-forward-sums

fn take_step(next_token: ptr<function, u32>, position: u32, first_row: u32, unit_begin: u32, unit_end: u32, local: u32, lane: u32, slice: u32,
    longest: u32, track: Track) { // inline
  let moment = moment_of(track, position);
  for (var phase = 0u; phase < phases; phase++) { // unroll
    if (phases == 1u) { // static
      take_phase(next_token, phase, first_row, unit_begin, unit_end, local, lane, slice, moment, longest, track);
    } else if (phase >= span.first_phase && phase < span.end_phase) {
      take_phase(next_token, phase, first_row, unit_begin, unit_end, local, lane, slice, moment, longest, track);
    }
  }
}

fn take_phase(next_token: ptr<function, u32>, phase: u32, first_row: u32, unit_begin: u32, unit_end: u32, local: u32, lane: u32, slice: u32,
    moment: Moment, longest: u32, track: Track) { // inline
  let vector_begin = vector_of(track, moment, phase);
  if (reads_early) { // static: there is one tile, and one item
    let item = item_of(slice, unit_begin, first_row, lane, moment);
    let is_inside = item.row < batch && item.unit < unit_end && slice < rows * units;
    var step: CellStep;
    if (is_inside) {
      read_step(&step, next_token, phase, item, moment, track);
    }
    stage_vector(phase, vector_begin, first_row, local);
    var acc: array<f32, item_sums>; // registers
    sum_tile(&acc, phase, vector_begin, unit_begin, first_row, lane, slice, moment, longest, track);
    var sums = acc;
    if (is_inside) {
      take_sums(&step, &sums, slice, phase, lane);
      finish_step(&step, slice, phase, item, moment, track);
    }
  } else {
    stage_vector(phase, vector_begin, first_row, local);
    if (norm_parameters > 0u) { // static
      if (norm_values[phase] > 0u) { // static
        describe_rows(local, first_row, moment.saved_begin, norm_saved[phase], norm_values[phase]);
      }
    }
    if (unit_tile <= tile_units) { // static: a loop around so much code takes long to build
      take_tile(next_token, phase, vector_begin, unit_begin, unit_end, first_row, lane, slice, moment, longest, track);
    } else {
      var base = unit_begin;
      loop {
        take_tile(next_token, phase, vector_begin, base, unit_end, first_row, lane, slice, moment, longest, track);
        continuing {
          base += tile_units;
          break if base >= unit_end;
        }
      }
    }
  }
  if (carries) { // static
    workgroupBarrier();
  } else if (waits && (steps > 1u || phase + 1u < phases)) { // static: behind a single step the dispatch ends
    storageBarrier();
  }
}

fn take_tile(next_token: ptr<function, u32>, phase: u32, vector_begin: u32, base: u32, unit_end: u32, first_row: u32, lane: u32, slice: u32,
    moment: Moment, longest: u32, track: Track) { // inline
  var acc: array<f32, item_sums>; // registers
  sum_tile(&acc, phase, vector_begin, base, first_row, lane, slice, moment, longest, track);
  var sums = acc;
  var i = slice;
  loop {
    let item = item_of(i, base, first_row, lane, moment);
    if (item.row < batch && item.unit < unit_end && (slices <= rows * units || i < rows * units)) {
      if (norm_parameters > 0u && phase_gates[phase] < phase_gates[phase + 1u]) { // static
        keep_products(&sums, i, phase, item, lane, moment, track);
      } else {
        var step: CellStep;
        read_step(&step, next_token, phase, item, moment, track);
        take_sums(&step, &sums, i, phase, lane);
        finish_step(&step, i, phase, item, moment, track);
      }
    }
    continuing {
      i += slices;
      break if i >= rows * units;
    }
  }
}
