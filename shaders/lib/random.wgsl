// Counter-based random numbers: Philox4x32-10, the same bits as src/random.ts.
// A number is a pure function of (seed, stream, step, index): masks are drawn again, never stored.
// Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".

fn multiply_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let low = a_low * b_low;
  let middle1 = a_high * b_low + (low >> 16u);
  let middle2 = a_low * b_high + (middle1 & 0xffffu);
  return a_high * b_high + (middle1 >> 16u) + (middle2 >> 16u);
}

// Four 32-bit words for a counter.
fn philox(seed: u32, stream: u32, step: u32, index: u32) -> vec4u {
  var c = vec4u(index, step, stream, 0u);
  var k = vec2u(seed, 0xcaf357d1u);
  for (var round = 0u; round < 10u; round++) {
    let high0 = multiply_high(0xd2511f53u, c.x);
    let low0 = 0xd2511f53u * c.x;
    let high1 = multiply_high(0xcd9e8d57u, c.z);
    let low1 = 0xcd9e8d57u * c.z;
    c = vec4u(high1 ^ c.y ^ k.x, low1, high0 ^ c.w ^ k.y, low0);
    k = k + vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

// A word as a number in [0, 1): its upper 24 bits.
fn to_uniform(word: u32) -> f32 {
  return f32(word >> 8u) * 0x1p-24;
}

// One uniform number in [0, 1) for an index: word `index mod 4` of block `index div 4`.
fn uniform_at(seed: u32, stream: u32, step: u32, index: u32) -> f32 {
  return to_uniform(philox(seed, stream, step, index >> 2u)[index & 3u]);
}
