// A time step of a recurrence whose products another launch has computed. The kernel declares `span` and `take_phase`.

const products_stride: u32 = 0u; // specialize: from one track's products to the next one's

fn products_of(track: Track) -> u32 {
  return track.place.z / tiles * products_stride;
}

// The phase that the span says.
fn take_step(first_row: u32, unit_begin: u32, unit_end: u32, lane: u32, track: Track) { // inline
  let moment = moment_of(track, track.walk.x);
  for (var phase = 0u; phase < phases; phase++) { // unroll
    if (phases == 1u) { // static
      take_phase(phase, first_row, unit_begin, unit_end, lane, moment, track);
    } else if (phase == span.first_phase) {
      take_phase(phase, first_row, unit_begin, unit_end, lane, moment, track);
    }
  }
}
