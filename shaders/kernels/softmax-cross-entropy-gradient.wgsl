// Gradient of the mean cross-entropy: (softmax - one-hot)·d_loss / counted, zero for ignored rows.
//
// Dispatch: one thread per `columns` logits of a row, as far apart as the row has threads, so that neighbouring
// threads read neighbours; 64 threads a workgroup, x·y workgroups. What a row has once is read for 4 logits on a GPU,
// for 16 where loads and the division for the row are dear.
// Layouts: logits, d_logits [row_count, width]; targets, log_sums [row_count]; counted, d_loss [1].
// FLOPs 4 per logit; bytes 8 per logit.
//! join lib/half

const row_count: u32 = 4u; // specialize
const width: u32 = 4u; // specialize
const columns: u32 = 4u; // specialize
const ignore_index: i32 = -100; // specialize
const d_logits_is_half: bool = false; // specialize
alias d_logits_number = f32; // f16: d_logits_is_half

const groups_across: u32 = (width + columns - 1u) / columns;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<i32>;
@group(0) @binding(2) var<storage, read> log_sums: array<f32>;
@group(0) @binding(3) var<storage, read> counted: array<u32>;
@group(0) @binding(4) var<storage, read> d_loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_logits: array<d_logits_number>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= row_count * groups_across) {
    return;
  }
  let row = index / groups_across;
  let first = index % groups_across;
  let label = targets[row];
  let scale = select(d_loss[0] / f32(max(counted[0], 1u)), 0.0, label == ignore_index);
  let log_sum = log_sums[row];
  for (var column = first; column < width; column += groups_across) {
    let probability = exp(logits[row * width + column] - log_sum);
    let hit = select(0.0, 1.0, label == i32(column));
    var gradient = (probability - hit) * scale;
    if (d_logits_is_half) { // static
      gradient = to_half_range(gradient);
    }
    d_logits[row * width + column] = d_logits_number(gradient);
  }
}
