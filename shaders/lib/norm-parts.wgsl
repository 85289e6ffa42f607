// Sums of the parts of the gradient norm. On a GPU the threads of a workgroup add theirs up as a tree, a barrier for each
// halving; `threads` is a power of two then. A software adapter pays a millisecond for that in every workgroup: there one
// thread adds up.
//! join lib/training-state

const threads: u32 = 64u; // specialize
const sums_as_tree: bool = false; // specialize

var<workgroup> sums: array<NormPart, threads>;

fn join_parts(a: NormPart, b: NormPart) -> NormPart {
  return NormPart(a.sum + b.sum, a.large + b.large, a.not_finite | b.not_finite, 0u);
}

// The sum of all threads' parts, in thread 0; what the others get is none. All threads call it together.
fn sum_over_threads(lane: u32, own: NormPart) -> NormPart {
  sums[lane] = own;
  var total = NormPart();
  if (sums_as_tree) { // static
    for (var half = threads / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < half) {
        sums[lane] = join_parts(sums[lane], sums[lane + half]);
      }
    }
    total = sums[0];
  } else {
    workgroupBarrier();
    if (lane == 0u) {
      for (var index = 0u; index < threads; index++) {
        total = join_parts(total, sums[index]);
      }
    }
  }
  return total;
}
