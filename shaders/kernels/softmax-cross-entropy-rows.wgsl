// Cross-entropy of each row of logits with its target: loss = log(Σ eˣ) - x[target], in one pass.
//
// Dispatch: 64 threads a workgroup, row_threads of them per row (a power of two): 1 for short rows and for
// narrow adapters (no barrier), 64 for long rows (neighbouring threads read neighbouring columns; 7 barriers).
// Layouts: logits [row_count, width]; targets [row_count] i32; row_losses, log_sums [row_count].
// A row whose target is ignore_index has loss 0. A target outside the row reads nothing outside: its loss has
// the bits of a NaN, so that the step's non-finite check stops. FLOPs 8 per logit; bytes 4 per logit.
//! join lib/log-sum-exp

const row_count: u32 = 4u; // specialize
const width: u32 = 4u; // specialize
const row_threads: u32 = 1u; // specialize
const ignore_index: i32 = -100; // specialize

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<i32>;
@group(0) @binding(2) var<storage, read_write> row_losses: array<u32>;
@group(0) @binding(3) var<storage, read_write> log_sums: array<f32>;

var<workgroup> pairs: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let part = lane % row_threads;
  let wanted = (group.y * groups.x + group.x) * (64u / row_threads) + lane / row_threads;
  let row = min(wanted, row_count - 1u);
  let begin = row * width;
  var pair = vec2f(logits[begin + min(part, width - 1u)], select(0.0, 1.0, part < width));
  for (var column = part + row_threads; column < width; column += row_threads) {
    pair = include_exponent(pair, logits[begin + column]);
  }
  if (row_threads > 1u) { // static
    pairs[lane] = pair;
    for (var half = row_threads / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (part < half) {
        pairs[lane] = merge_exponents(pairs[lane], pairs[lane + half]);
      }
    }
    pair = pairs[lane];
  }
  if (part == 0u && wanted < row_count) {
    let log_rest = log(pair.y);
    let label = targets[row];
    let exists = label >= 0i && label < i32(width);
    let picked = logits[begin + u32(clamp(label, 0i, i32(width) - 1i))];
    let bits = select(0x7fc00000u, bitcast<u32>(log_rest + (pair.x - picked)), exists);
    row_losses[row] = select(bits, 0u, label == ignore_index);
    log_sums[row] = pair.x + log_rest;
  }
}
