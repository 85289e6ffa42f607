// What the scan kernels share: sizes, how a workgroup is laid over time, and the carry from chunk to chunk.
//
// A step of a sequence (a unit of a batch row) is h' = a h + b; two steps in a row are a step again, with
// (a1, b1) then (a2, b2) = (a2 a1, a2 b1 + b2). A workgroup owns `lanes` sequences and walks through time in
// blocks of `chunks` chunks of `chunk_steps` steps, a thread per sequence and chunk: each combines its steps, all
// look up the state in front of their chunk, each applies its steps. So inputs are read once, outputs written
// once, by one dispatch. With one chunk there is nothing to combine and no barrier.
// `gates` is a constant of the joined cell; kernels bind `lengths` [B] and `span`, which says how many steps
// there are, so that one pipeline serves sequences of any length.
//! join lib/half

const batch: u32 = 4u; // specialize
const hidden_size: u32 = 8u; // specialize
const lanes: u32 = 16u; // specialize
const chunks: u32 = 4u; // specialize
const chunk_steps: u32 = 4u; // specialize
const runs_reverse: bool = false; // specialize
const has_lengths: bool = false; // specialize
const projected_is_half: bool = false; // specialize
const y_is_half: bool = false; // specialize
alias projected_number = f32; // f16: projected_is_half
alias y_number = f32; // f16: y_is_half

const threads: u32 = lanes * chunks;
const block_steps: u32 = chunks * chunk_steps;
const row_size: u32 = batch * hidden_size;

// Each block's steps of a whole chunk as one (a, b); two halves in turn, so that one barrier a block is enough.
var<workgroup> totals: array<vec2f, 2u * threads>;

// The state in front of this thread's chunk, and the one behind the block.
fn carry_over(block: u32, local: u32, state: f32, total: vec2f) -> vec2f {
  let half_begin = block % 2u * threads;
  totals[half_begin + local] = total;
  workgroupBarrier();
  var own = state;
  var behind = state;
  for (var chunk = 0u; chunk < chunks; chunk++) {
    own = select(own, behind, chunk == local / lanes);
    let step = totals[half_begin + chunk * lanes + local % lanes];
    behind = step.x * behind + step.y;
  }
  return vec2f(own, behind);
}

// Whether a time step is one of a sequence, and not in the padding of its row: that leaves the state as it is.
fn is_step(t: u32, at: u32) -> bool {
  if (has_lengths) { // static
    return i32(t) < lengths[at / hidden_size];
  } else {
    return true;
  }
}

// Time of a position in processing order.
fn time_of(position: u32) -> u32 {
  return select(position, span.steps - 1u - position, runs_reverse);
}

// Where the gates of a sequence begin at a time: [T, B, gates, H].
fn gates_at(t: u32, at: u32) -> u32 {
  return (t * batch + at / hidden_size) * gates * hidden_size + at % hidden_size;
}

fn to_y(value: f32) -> y_number {
  if (y_is_half) { // static
    return y_number(to_half_range(value));
  } else {
    return y_number(value);
  }
}
