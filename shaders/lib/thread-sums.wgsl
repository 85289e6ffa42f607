// Sums of what the threads of a workgroup have found. A GPU's threads add up as a tree, a barrier for each halving, `threads`
// being a power of two. A software adapter pays for barriers, and for building what has one: there the workgroup is one
// subgroup, which needs none, or one thread adds up.
//! join lib/subgroup-sums

const threads: u32 = 64u; // specialize
const sums_as_tree: bool = false; // specialize
const sums_in_subgroup: bool = false; // specialize: the threads are one subgroup

struct Sums {
  reals: vec2f,
  counts: vec2u,
}

var<workgroup> sums: array<Sums, threads>;

fn join_sums(a: Sums, b: Sums) -> Sums {
  return Sums(a.reals + b.reals, a.counts + b.counts);
}

// The sum of all threads' sums, in thread 0; what the others get is none. All threads call it together.
fn sum_over_threads(lane: u32, own: Sums) -> Sums {
  if (sums_in_subgroup) { // static
    return sum_in_subgroup(own);
  } else {
    sums[lane] = own;
    var total = Sums();
    if (sums_as_tree) { // static
      for (var half = threads / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
          sums[lane] = join_sums(sums[lane], sums[lane + half]);
        }
      }
      total = sums[0];
    } else {
      workgroupBarrier();
      if (lane == 0u) {
        for (var index = 0u; index < threads; index++) {
          total = join_sums(total, sums[index]);
        }
      }
    }
    return total;
  }
}
