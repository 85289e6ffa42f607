// Recurrence, forward: the vector that a phase multiplies, and its way into workgroup memory. Bindings and tile are those
// of kernels/recurrence-forward.
//! join lib/recurrence-forward-read

// What an earlier dispatch has handed on.
fn carry_old_state(track: Track, first_row: u32, local: u32) {
  let begin = track.place.x + select(0u, vector_begin_of(masked_phase), has_mask) + slot(track.walk.x, track.runs_reverse);
  for (var i = local; i < rows * hidden_size; i += threads) {
    let row = min(first_row + i / hidden_size, batch - 1u);
    carried[i / hidden_size * padded_size + i % hidden_size] = f32(history[begin + row * hidden_size + i % hidden_size]);
  }
}

// Where the vector begins that a phase multiplies: the old state, behind phase 0 what the phase before has made.
fn vector_of(track: Track, moment: Moment, phase: u32) -> u32 {
  var old = select(track.place.x + moment.before, track.source.y, starts_alone);
  if (has_mask) { // static
    old = track.place.x + vector_begin_of(masked_phase) + moment.before;
  }
  return select(track.place.x + vector_begin_of(phase) - section_size + moment.after, old, phase == 0u);
}

// A number of the vector; zero behind its end, where weights are padded.
fn vector_at(phase: u32, begin: u32, k: u32) -> f32 {
  if (starts_alone) { // static
    if (phase == 0u) {
      return select(0.0, given[begin + k], !has_tail || k < hidden_size);
    }
  }
  if (has_tail) { // static
    return select(0.0, f32(history[begin + k]), k < hidden_size);
  } else {
    return f32(history[begin + k]);
  }
}

fn vector_quad(phase: u32, begin: u32, k: u32) -> vec4f {
  return vec4f(vector_at(phase, begin, k), vector_at(phase, begin, k + 1u), vector_at(phase, begin, k + 2u), vector_at(phase, begin, k + 3u));
}

// Brings what a phase multiplies into workgroup memory, where it `stages`.
fn stage_vector(phase: u32, vector_begin: u32, first_row: u32, local: u32) { // inline
  if (stages && phase_gates[phase] < phase_gates[phase + 1u]) { // static
    var i = local;
    loop {
      if (threads <= rows * hidden_quads || i < rows * hidden_quads) {
        if (carries) { // static
          staged[i] = vec4f(carried[4u * i], carried[4u * i + 1u], carried[4u * i + 2u], carried[4u * i + 3u]);
        } else {
          let begin = vector_begin + min(first_row + i / hidden_quads, batch - 1u) * hidden_size;
          staged[i] = vector_quad(phase, begin, i % hidden_quads * 4u);
        }
      }
      continuing {
        i += threads;
        break if i >= rows * hidden_quads;
      }
    }
    workgroupBarrier();
  }
}
