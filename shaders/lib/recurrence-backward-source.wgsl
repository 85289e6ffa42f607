// Recurrence, backward: the gates' gradients that come back through the weights, and their way into workgroup memory.
// Bindings and tile are those of kernels/recurrence-backward.
//! join lib/recurrence-backward-read

// Where the gates' gradients lie that come back through the weights: the last phase receives them through phase 0 of
// the following step, the others through the next phase.
struct Source {
  exists: bool,
  t: u32,
  begin: u32,
}

fn source_of(track: Track, moment: Moment, phase: u32) -> Source {
  let position = select(moment.position + 1u, moment.position, phase + 1u < phases || !moment.is_step);
  let t = time_of(position, track.runs_reverse);
  return Source(position < steps, t, track.place.x + t * batch * gate_size);
}

// What an earlier dispatch has handed on; nothing comes before the last step.
fn carry_old_gradients(track: Track, first_row: u32, local: u32) {
  let next = steps - min(track.walk.x, steps);
  if (next < steps) {
    let begin = track.place.x + time_of(next, track.runs_reverse) * batch * gate_size;
    for (var i = local; i < rows * gates * hidden_size; i += threads) {
      let row = min(first_row + i / (gates * hidden_size), batch - 1u);
      let column = i % (gates * hidden_size);
      carried[i / hidden_size * padded_size + i % hidden_size] = f32(d_recurrent[begin + row * gate_size + column]);
    }
  }
}

// The gradients of some gates into workgroup memory.
fn stage_gradients(first_gate: u32, source_begin: u32, first_row: u32, local: u32) {
  for (var i = local; i < rows * staged_quads; i += threads) {
    let g = min(first_gate + i % staged_quads / hidden_quads, gates - 1u);
    let k = i % hidden_quads * 4u;
    if (carries) { // static
      let begin = (i / staged_quads * gates + g) * padded_size + k;
      staged[i] = vec4f(carried[begin], carried[begin + 1u], carried[begin + 2u], carried[begin + 3u]);
    } else {
      staged[i] = gradient_quad(source_begin + min(first_row + i / staged_quads, batch - 1u) * gate_size + g * hidden_size, k);
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

fn gradient_quad(begin: u32, k: u32) -> vec4f {
  return vec4f(gradient_at(begin, k), gradient_at(begin, k + 1u), gradient_at(begin, k + 2u), gradient_at(begin, k + 3u));
}
