/** Value of an IEEE half-precision number given as its 16 bits. */
export function widenFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Bytes of so many f16 numbers on a device, where buffers are bound in words. */
export function halfBytes(numbers: number): number {
  return 4 * Math.ceil(numbers / 2);
}
