import { Random, streamOf } from '../random.ts';

/** A prime, so that no row or tile sees what another sees. */
const PERIOD = 4093;

/** Numbers between two bounds, the same for each name: a short random sequence over and over. */
export function drawUniform(
  name: string,
  size: number,
  low: number,
  high: number,
): Float32Array<ArrayBuffer> {
  const random = new Random(0, streamOf(name));
  const drawn = Float32Array.from({ length: Math.min(PERIOD, size) }, () => {
    return low + (high - low) * random.uniform();
  });
  const values = new Float32Array(size);
  for (let begin = 0; begin < size; begin += PERIOD) {
    values.set(drawn.subarray(0, Math.min(PERIOD, size - begin)), begin);
  }
  return values;
}

/** Values of one row: [outer, rows, inner] to [outer, inner]. */
export function takeRow<T extends Float32Array | Float64Array>(
  values: T,
  outer: number,
  rows: number,
  row: number,
): T {
  const inner = values.length / (outer * rows);
  const taken = values.slice(0, outer * inner) as T;
  for (let at = 0; at < outer; at++) {
    const begin = (at * rows + row) * inner;
    taken.set(values.subarray(begin, begin + inner), at * inner);
  }
  return taken;
}
