import type { Initializer } from '../graph/sources.ts';
import { sizeOf } from '../graph/tensor.ts';

/** One value everywhere. */
export function constant(value: number): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

/** Uniform in [-bound, bound]. */
export function uniform(bound: number): Initializer {
  return (shape, random) => {
    const values = new Float32Array(sizeOf(shape));
    random.fillUniform(values, bound);
    return values;
  };
}

/** Normal with mean 0. */
export function normal(deviation: number): Initializer {
  return (shape, random) =>
    drawn(new Float32Array(sizeOf(shape)), () => random.normal() * deviation);
}

/** An array filled with draws, in order. A typed array's `map` takes longer than the generator. */
function drawn<T extends Float32Array | Float64Array>(values: T, draw: () => number): T {
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
}

/**
 * Square blocks stacked row-wise, each an orthogonal matrix: the recurrent weights of each gate keep the
 * length of the state, so gradients neither vanish nor explode through them at the start.
 *
 * @see Saxe, McClelland & Ganguli 2014; by modified Gram-Schmidt on normal columns.
 */
export const orthogonalBlocks: Initializer = (shape, random) => {
  const [rows, size] = shape as [number, number];
  const values = new Float32Array(rows * size);
  for (let first = 0; first < rows; first += size) {
    const block = orthonormalRows(size, () => random.normal());
    values.set(block, first * size);
  }
  return values;
};

function orthonormalRows(size: number, draw: () => number): Float64Array {
  const block = drawn(new Float64Array(size * size), draw);
  const row = (index: number): Float64Array => block.subarray(index * size, (index + 1) * size);
  for (let i = 0; i < size; i++) {
    const current = row(i);
    for (let j = 0; j < i; j++) {
      const other = row(j);
      const overlap = dot(current, other);
      for (let k = 0; k < size; k++) {
        current[k] = (current[k] as number) - overlap * (other[k] as number);
      }
    }
    const length = Math.sqrt(dot(current, current));
    for (let k = 0; k < size; k++) current[k] = (current[k] as number) / length;
  }
  return block;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] as number) * (b[k] as number);
  return sum;
}

/** Another initializer's values, with one value in rows [begin, end) of the first axis. */
export function withRows(
  base: Initializer,
  begin: number,
  end: number,
  value: number,
): Initializer {
  return (shape, random) => {
    const values = base(shape, random);
    const width = sizeOf(shape.slice(1));
    values.fill(value, begin * width, end * width);
    return values;
  };
}
