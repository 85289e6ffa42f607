// How the slices of a recurrence's sums meet. The kernel declares `item_sums`, the sums of a thread.
//! join lib/quads
//! join lib/recurrence

// Whether they meet in workgroup memory: a quad that holds its weights swaps them.
const sums_meet: bool = slices > 1u && !holds;

var<workgroup> sliced: array<f32, slices * item_sums * lanes>;

// Adds up the slices' sums, or leaves them to `add_slices`. One barrier where they meet, one before it where sums of
// the tile before may still be read. One copy of the cell then serves all sums: its code is long, and pipelines
// are built faster.
fn meet_sums(acc: ptr<function, array<f32, item_sums>>, lane: u32, slice: u32) { // inline
  if (sums_meet) { // static
    if (unit_tile > tile_units) { // static
      workgroupBarrier();
    }
    for (var i = 0u; i < item_sums; i++) { // unroll
      sliced[(slice * item_sums + i) * lanes + lane] = acc[i];
    }
    workgroupBarrier();
  } else if (holds) { // static
    for (var i = 0u; i < item_sums; i++) { // unroll
      acc[i] = sum_quad(acc[i]);
    }
  }
}

fn add_slices(i: u32, lane: u32) -> f32 {
  var sum = 0.0;
  for (var part = 0u; part < slices; part++) { // unroll
    sum += sliced[(part * item_sums + i) * lanes + lane];
  }
  return sum;
}
