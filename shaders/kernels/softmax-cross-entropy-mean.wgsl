// Mean of the row losses over the rows that are not ignored, and their number.
//
// Dispatch: one workgroup; rows are added in a fixed order, so equal inputs give equal bits.
// Layouts: row_losses, targets [row_count]; loss [1], 0 where every row is ignored; counted [1].
// Row losses are read as bits: one that is not finite makes the loss a NaN whatever the compiler assumes
// about floats. FLOPs row_count; bytes 8·row_count.
//! join lib/thread-sums
//! join lib/training-state

const row_count: u32 = 4u; // specialize
const ignore_index: i32 = -100; // specialize

@group(0) @binding(0) var<storage, read> row_losses: array<u32>;
@group(0) @binding(1) var<storage, read> targets: array<i32>;
@group(0) @binding(2) var<storage, read_write> loss: array<u32>;
@group(0) @binding(3) var<storage, read_write> counted: array<u32>;

@compute @workgroup_size(threads)
fn main(@builtin(local_invocation_index) lane: u32) {
  var own = Sums();
  for (var row = lane; row < row_count; row += threads) {
    let bits = row_losses[row];
    let is_wrong = is_not_finite(bits);
    own.reals.x += bitcast<f32>(select(bits, 0u, is_wrong));
    own.counts += vec2u(select(1u, 0u, targets[row] == ignore_index), select(0u, 1u, is_wrong));
  }
  let total = sum_over_threads(lane, own);
  if (lane == 0u) {
    let mean = total.reals.x / f32(max(total.counts.x, 1u));
    loss[0] = select(bitcast<u32>(mean), 0x7fc00000u, total.counts.y != 0u);
    counted[0] = total.counts.x;
  }
}
