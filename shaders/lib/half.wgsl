// Numbers on their way into half precision. WGSL lets a conversion of what f16 does not hold give an infinity or
// the largest f16; a training step must see the overflow, so it is made an infinity here.

// The number, or an infinity of its sign where it would round to more than 65504.
fn to_half_range(value: f32) -> f32 {
  let bits = bitcast<u32>(value);
  let overflows = (bits & 0x7fffffffu) >= 0x477ff000u;
  return bitcast<f32>(select(bits, (bits & 0x80000000u) | 0x7f800000u, overflows));
}
