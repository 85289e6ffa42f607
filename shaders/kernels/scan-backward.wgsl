// Scan, backward: from the last processed step to the first, with the gradients of the gates in the same launch.
//
// With dh the complete gradient of the state behind a step, a·dh reaches the state before it. That product is the
// carry, and again a scan: carry' = a carry + a d_output. Then db = dh, da = dh h, and the cell turns them into the
// gradients of its gates; a and b are computed anew, so that forward keeps nothing but its output.
//
// Dispatch, blocks, chunks and barriers as in scan-forward. `span` counts positions backwards: index i stands for
// position `steps - 1 - i`; a later span takes the carry from d_initial, which ends as the initial state's gradient.
// Layouts: projected, initial, y as in scan-forward; d_output [T, B, H]; d_final [B, H]; d_projected [T, B, gates, H];
//   d_initial [B, H].
// FLOPs: the cell's forward and backward per unit and step, and 8 for the scan; bytes 4·T·B·H·(2·gates + 2).
// Right for the same devices and reasons as scan-forward.
//! join lib/scan
//! join scan-cell

struct BackwardSpan {
  first: u32,
  end: u32,
  steps: u32, // of the whole sequence
}

const has_output_gradient: bool = true; // specialize
const has_final_gradient: bool = false; // specialize
const keeps_initial: bool = true; // specialize
const d_output_is_half: bool = false; // specialize
const d_projected_is_half: bool = false; // specialize
alias d_output_number = f32; // f16: d_output_is_half
alias d_projected_number = f32; // f16: d_projected_is_half

@group(0) @binding(0) var<uniform> span: BackwardSpan;
@group(0) @binding(1) var<storage, read> projected: array<projected_number>;
@group(0) @binding(2) var<storage, read> initial: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<i32>;
@group(0) @binding(4) var<storage, read> y: array<y_number>;
@group(0) @binding(5) var<storage, read> d_output: array<d_output_number>;
@group(0) @binding(6) var<storage, read> d_final: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_projected: array<d_projected_number>;
@group(0) @binding(8) var<storage, read_write> d_initial: array<f32>;

// The state before a step.
fn state_before(position: u32, at: u32) -> f32 {
  if (position == 0u) {
    return initial[at];
  }
  return f32(y[time_of(position - 1u) * row_size + at]);
}

fn to_d_projected(value: f32) -> d_projected_number {
  if (d_projected_is_half) { // static
    return d_projected_number(to_half_range(value));
  } else {
    return d_projected_number(value);
  }
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32) {
  let index = (group.y * groups.x + group.x) * lanes + local % lanes;
  let is_own = index < row_size;
  let at = min(index, row_size - 1u);
  var carry = 0.0;
  if (span.first > 0u) {
    carry = d_initial[at];
  } else if (has_final_gradient) { // static
    carry = d_final[at];
  }
  var block = 0u;
  for (var begin = span.first; begin < span.end; begin += block_steps) {
    let first = begin + local / lanes * chunk_steps;
    var x: array<f32, chunk_steps * gates>; // registers
    var a: array<f32, chunk_steps>; // registers
    var d: array<f32, chunk_steps>; // registers
    for (var i = 0u; i < chunk_steps; i++) { // unroll
      a[i] = 1.0;
      if (first + i < span.end) {
        let t = time_of(span.steps - 1u - first - i);
        var own_x: array<f32, gates>;
        for (var g = 0u; g < gates; g++) { // unroll
          x[i * gates + g] = f32(projected[gates_at(t, at) + g * hidden_size]);
          own_x[g] = x[i * gates + g];
        }
        if (is_step(t, at)) {
          a[i] = scan_coefficients(own_x).x;
        }
        if (has_output_gradient) { // static
          d[i] = f32(d_output[t * row_size + at]);
        }
      }
    }
    var own = carry;
    if (chunks > 1u) { // static
      var total = vec2f(1.0, 0.0);
      for (var i = 0u; i < chunk_steps; i++) { // unroll
        total = a[i] * vec2f(total.x, total.y + d[i]);
      }
      let carried = carry_over(block, local, carry, total);
      own = carried.x;
      carry = carried.y;
      block++;
    }
    for (var i = 0u; i < chunk_steps; i++) { // unroll
      let dh = d[i] + own;
      own = a[i] * dh;
      if (is_own && first + i < span.end) {
        let position = span.steps - 1u - first - i;
        var own_x: array<f32, gates>;
        for (var g = 0u; g < gates; g++) { // unroll
          own_x[g] = x[i * gates + g];
        }
        let t = time_of(position);
        // Zeros in the padding; said so, since wgpu does not clear a variable of a loop's body in every round.
        var dx = array<f32, gates>();
        if (is_step(t, at)) {
          dx = scan_gradient(own_x, dh * state_before(position, at), dh);
        }
        for (var g = 0u; g < gates; g++) { // unroll
          d_projected[gates_at(t, at) + g * hidden_size] = to_d_projected(dx[g]);
        }
      }
    }
    if (chunks == 1u) { // static
      carry = own;
    }
  }
  if (keeps_initial && is_own && local < lanes) {
    d_initial[at] = carry;
  }
}
