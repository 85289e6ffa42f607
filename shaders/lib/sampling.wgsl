// What sampling needs of numbers: floats compared as integers, and Gumbel noise. The mirror of
// src/training/sampling-reference.ts.
//! join lib/random

// Floats in the order of unsigned integers.
fn ordered(bits: u32) -> u32 {
  if ((bits & 0x80000000u) != 0u) {
    return select(~bits, 0x80000000u, bits == 0x80000000u);
  }
  return bits | 0x80000000u;
}

// The float of a key; an infinity or NaN becomes the largest float of its sign.
fn value_of(key: u32) -> f32 {
  let bits = select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u);
  return bitcast<f32>(select(bits, (bits & 0x80000000u) | 0x7f7fffffu, (bits & 0x7f800000u) == 0x7f800000u));
}

// log(x) for 2^-24 <= x < 17: WGSL's own loses its digits near 1, where the largest noise comes from.
fn accurate_log(x: f32) -> f32 {
  let parts = frexp(x);
  let is_low = parts.fract < 0.70710678;
  let mantissa = select(parts.fract, 2.0 * parts.fract, is_low);
  let exponent = f32(select(parts.exp, parts.exp - 1, is_low));
  let t = (mantissa - 1.0) / (mantissa + 1.0);
  let s = t * t;
  let series = 1.0 + s * (1.0 / 3.0 + s * (0.2 + s * (1.0 / 7.0 + s * (1.0 / 9.0))));
  return exponent * 0.69314718056 + 2.0 * t * series;
}

// Standard Gumbel noise from a random word. The uniform number is odd · 2^-24: exact, never 0 and never 1.
fn gumbel(word: u32) -> f32 {
  let u = f32((word >> 8u) | 1u) * 0x1p-24;
  return -accurate_log(-accurate_log(u));
}
