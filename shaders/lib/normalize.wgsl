// Layer normalisation inside a step, of cells with norm_parameters: a phase saves values, and the next one has them
// normalised over all units of the batch row, n = gain · (value - mean) / sqrt(variance + 1e-5) + shift. The values are
// the products of the phase's gates, which is then all that the phase does, or its vector. Which phase normalises how many values, where they, their
// statistics (mean, 1 / deviation) and their parameters lie, is in the cell's norm_* tables.
// Source: Ba, Kiros & Hinton 2016. The variance is summed from the differences to the mean.
//
// The threads of a workgroup share its rows out among themselves, row_threads to each. What they read has been written
// before the barrier at the end of a phase, or by another dispatch. Barriers: 5 forward and 3 backward. Every thread adds up
// its row's parts by itself: halving them step by step would take fewer additions, and a barrier in each, with which
// software adapters build pipelines slowly.

const rows_at_once: u32 = min(rows, threads);
const row_threads: u32 = threads / rows_at_once;

var<workgroup> row_parts: array<vec2f, threads + row_threads>;
// Of each row: (mean, 1 / deviation) forward, the means of g and g·x̂ backward.
var<workgroup> row_statistics: array<vec2f, rows>;

// The sum of the parts of a row, in every thread of the row. All threads call it together.
fn sum_over_row(local: u32, own: vec2f) -> vec2f {
  workgroupBarrier();
  row_parts[local] = own;
  workgroupBarrier();
  let begin = local - local % row_threads;
  var sum = vec2f();
  for (var part = 0u; part < row_threads; part++) {
    sum += row_parts[begin + part];
  }
  return sum;
}

// Sets the statistics of `count` values from `first` on among the saved ones of a time step.
fn describe_rows(local: u32, first_row: u32, saved_begin: u32, first: u32, count: u32) {
  let part = local % row_threads;
  let width = count * hidden_size;
  for (var round = 0u; round < rows; round += rows_at_once) { // unroll
    let r = round + local / row_threads;
    let begin = saved_begin + (min(first_row + r, batch - 1u) * saved_values + first) * hidden_size;
    var sum = 0.0;
    for (var i = part; i < width; i += row_threads) {
      sum += f32(saved[begin + i]);
    }
    let mean = sum_over_row(local, vec2f(sum, 0.0)).x / f32(width);
    var squares = 0.0;
    for (var i = part; i < width; i += row_threads) {
      let difference = f32(saved[begin + i]) - mean;
      squares += difference * difference;
    }
    let variance = sum_over_row(local, vec2f(squares, 0.0)).x / f32(width);
    if (part == 0u && r < rows) {
      row_statistics[r] = vec2f(mean, 1.0 / sqrt(variance + 0.00001));
    }
  }
  workgroupBarrier();
}

// Sets the means of g = dn · gain and g·x̂, from the gradients of shifts (dn) and gains (dn·x̂) of a time step: columns
// of d_recurrent that begin at `gates_begin` with those of the gates.
fn describe_gradients(local: u32, first_row: u32, gates_begin: u32, gains_at: u32, gain: u32, shift: u32, count: u32) {
  let part = local % row_threads;
  let width = count * hidden_size;
  for (var round = 0u; round < rows; round += rows_at_once) { // unroll
    let r = round + local / row_threads;
    let begin = gates_begin + min(first_row + r, batch - 1u) * gate_size + gates * hidden_size;
    var sums = vec2f();
    for (var i = part; i < width; i += row_threads) {
      let d_shift = f32(d_recurrent[begin + shift * hidden_size + i]);
      let d_gain = f32(d_recurrent[begin + gain * hidden_size + i]);
      sums += given[gains_at + gain * hidden_size + i] * vec2f(d_shift, d_gain);
    }
    let total = sum_over_row(local, sums);
    if (part == 0u && r < rows) {
      row_statistics[r] = total / f32(width);
    }
  }
  workgroupBarrier();
}

// A unit's value without its row's mean and deviation, from a step's saved values of the unit.
fn normal_at(saved_at: u32, value: u32, statistics: u32) -> f32 {
  let mean = f32(saved[saved_at + statistics * hidden_size]);
  return (f32(saved[saved_at + value * hidden_size]) - mean) * f32(saved[saved_at + (statistics + 1u) * hidden_size]);
}

// The gradient of a unit's value from g and the row's means.
fn unit_gradient(saved_at: u32, value: u32, statistics: u32, g: f32, means: vec2f) -> f32 {
  let inverse = f32(saved[saved_at + (statistics + 1u) * hidden_size]);
  return inverse * (g - means.x - normal_at(saved_at, value, statistics) * means.y);
}
