// Loads shared by the four lanes of a quad: each lane loads one of four numbers that all of them need.
// A quarter of the loads, for three swaps each: right where loads are dear (software adapters, mobile GPUs
// without a scalar unit). Needs the feature `subgroups`; every lane must take part. That four neighbouring invocations
// are a quad, weights that are held or packed for swaps take for granted, and the device's self-test finds out.
enable subgroups;

// The order in which a lane sees its quad: itself first. Lanes are counted and not taken from the workgroup: how
// invocations map to subgroups is the driver's affair.
fn quad_order() -> vec4u {
  return vec4u(0u, 1u, 2u, 3u) ^ vec4u(subgroupExclusiveAdd(1u) & 3u);
}

// The numbers of the lanes of `quad_order`. A sum over four terms takes them in any order, as long as its other
// factor comes in the same: a swap is one instruction on a CPU, where a broadcast is fifty.
fn swap_quad(own: f32) -> vec4f {
  return vec4f(own, quadSwapX(own), quadSwapY(own), quadSwapDiagonal(own));
}

// The sum of the four lanes' numbers, the same bits in all of them.
fn sum_quad(own: f32) -> f32 {
  let pair = own + quadSwapX(own);
  return pair + quadSwapY(pair);
}
