// Scan, forward: a cell whose steps are linear in the state, over all time steps of a span.
//
// Dispatch: x·y workgroups of `lanes` sequences each (lib/scan), whatever the number of steps. `span` counts
// positions in processing order; a later span starts from the output that the one before has left.
// Layouts: projected [T, B, gates, H]; initial [B, H]; y [T, B, H]; final_state [B, H].
// One barrier per block of chunks·chunk_steps steps where there is more than one chunk: the carry.
// FLOPs: the cell's per unit and step, and 5 (2 with one chunk) for the scan; bytes 4·T·B·H·(gates + 1).
// Right for: lanes along units read and write coalesced; chunks bring threads where sequences are few. A software
// adapter has threads to spare for none: it takes one chunk.
//! join lib/scan
//! join scan-cell

struct Span {
  first: u32,
  end: u32,
  steps: u32, // of the whole sequence
}

const keeps_final: bool = true; // specialize

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> projected: array<projected_number>;
@group(0) @binding(2) var<storage, read> initial: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<i32>;
@group(0) @binding(4) var<storage, read_write> y: array<y_number>;
@group(0) @binding(5) var<storage, read_write> final_state: array<f32>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32) {
  let index = (group.y * groups.x + group.x) * lanes + local % lanes;
  // Threads behind the last sequence work along and write nothing: barriers take them all.
  let is_own = index < row_size;
  let at = min(index, row_size - 1u);
  var h = initial[at];
  if (span.first > 0u) {
    h = f32(y[time_of(span.first - 1u) * row_size + at]);
  }
  var block = 0u;
  for (var begin = span.first; begin < span.end; begin += block_steps) {
    let first = begin + local / lanes * chunk_steps;
    var a: array<f32, chunk_steps>; // registers
    var b: array<f32, chunk_steps>; // registers
    for (var i = 0u; i < chunk_steps; i++) { // unroll
      a[i] = 1.0; // behind the end the state stays as it is
      let t = time_of(first + i);
      if (first + i < span.end && is_step(t, at)) {
        let gate_at = gates_at(t, at);
        var x: array<f32, gates>;
        for (var g = 0u; g < gates; g++) { // unroll
          x[g] = f32(projected[gate_at + g * hidden_size]);
        }
        let step = scan_coefficients(x);
        a[i] = step.x;
        b[i] = step.y;
      }
    }
    var own = h;
    if (chunks > 1u) { // static
      var total = vec2f(1.0, 0.0);
      for (var i = 0u; i < chunk_steps; i++) { // unroll
        total = vec2f(a[i] * total.x, a[i] * total.y + b[i]);
      }
      let carried = carry_over(block, local, h, total);
      own = carried.x;
      h = carried.y;
      block++;
    }
    for (var i = 0u; i < chunk_steps; i++) { // unroll
      own = a[i] * own + b[i];
      if (is_own && first + i < span.end) {
        y[time_of(first + i) * row_size + at] = to_y(own);
      }
    }
    if (chunks == 1u) { // static
      h = own;
    }
  }
  if (keeps_final && is_own && local < lanes && span.end == span.steps) {
    final_state[at] = h;
  }
}
