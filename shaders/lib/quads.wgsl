// Loads shared by the four lanes of a quad: each lane loads one of four numbers that all of them need.
// A quarter of the loads, for three register moves each: right where loads are dear (software adapters,
// mobile GPUs without a scalar unit). Needs the feature `subgroups`; every lane must take part.
enable subgroups;

// Which of its quad's four lanes this is. Counted and not taken from the workgroup: how invocations map
// to subgroups is the driver's affair.
fn quad_lane() -> u32 {
  return subgroupExclusiveAdd(1u) & 3u;
}

// The numbers of a quad's lanes, in their order.
fn gather_quad(own: f32) -> vec4f {
  return vec4f(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}

// The numbers of a quad's lanes, each lane's own first: those of the lanes own_lane ^ (0, 1, 2, 3).
fn swap_quad(own: f32) -> vec4f {
  return vec4f(own, quadSwapX(own), quadSwapY(own), quadSwapDiagonal(own));
}

// The sum of the four lanes' numbers, the same bits in all of them.
fn sum_quad(own: f32) -> f32 {
  let pair = own + quadSwapX(own);
  return pair + quadSwapY(pair);
}
