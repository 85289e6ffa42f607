// Sums of the parts of the gradient norm. On a GPU the threads of a workgroup add theirs up as a tree, a barrier for each
// halving; `threads` is a power of two then. A software adapter pays a millisecond for that in every workgroup.
//! join lib/training-state

const threads: u32 = 64u; // specialize
const sums_as_tree: bool = false; // specialize

var<workgroup> sums: array<NormPart, threads>;

fn join_parts(a: NormPart, b: NormPart) -> NormPart {
  return NormPart(a.sum + b.sum, a.large + b.large, a.not_finite | b.not_finite, 0u);
}

// The sum of all threads' parts, in thread 0; the others get some part of it. All threads call it together.
fn sum_over_threads(lane: u32, own: NormPart) -> NormPart {
  sums[lane] = own;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      sums[lane] = join_parts(sums[lane], sums[lane + half]);
    }
  }
  return sums[0];
}
