// Sums over a row whose elements are spread over row_threads neighbouring threads of a workgroup of 64.

const row_threads: u32 = 1u; // specialize

var<workgroup> row_parts: array<f32, 64>;

// The sum of the row's parts, in every thread of the row. All threads of the workgroup call it together.
// Barriers: one to begin, since row_parts may still be read, and one behind each of the six halvings.
fn sum_over_row(lane: u32, own: f32) -> f32 {
  if (row_threads == 1u) { // static
    return own;
  } else {
    let part = lane % row_threads;
    workgroupBarrier();
    row_parts[lane] = own;
    for (var half = row_threads / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (part < half) {
        row_parts[lane] += row_parts[lane + half];
      }
    }
    workgroupBarrier();
    return row_parts[lane - part];
  }
}
