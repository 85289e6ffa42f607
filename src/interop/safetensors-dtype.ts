import { FileFormatError } from '../errors.ts';
import { widenFloat16 } from '../float16.ts';

/**
 * Element types by their name in the file: what holds them here, bytes per element, and the rank by
 * which the format orders tensors in a file (higher first). F16 and BF16 are kept as their 16 bits,
 * the 8-bit floats as their byte. Data is little-endian, as is every platform with WebGPU.
 */
export const DTYPES = {
  BOOL: { array: Uint8Array, bytes: 1, rank: 0 },
  U8: { array: Uint8Array, bytes: 1, rank: 1 },
  I8: { array: Int8Array, bytes: 1, rank: 2 },
  F8_E5M2: { array: Uint8Array, bytes: 1, rank: 3 },
  F8_E4M3: { array: Uint8Array, bytes: 1, rank: 4 },
  I16: { array: Int16Array, bytes: 2, rank: 5 },
  U16: { array: Uint16Array, bytes: 2, rank: 6 },
  F16: { array: Uint16Array, bytes: 2, rank: 7 },
  BF16: { array: Uint16Array, bytes: 2, rank: 8 },
  I32: { array: Int32Array, bytes: 4, rank: 9 },
  U32: { array: Uint32Array, bytes: 4, rank: 10 },
  F32: { array: Float32Array, bytes: 4, rank: 11 },
  F64: { array: Float64Array, bytes: 8, rank: 12 },
  I64: { array: BigInt64Array, bytes: 8, rank: 13 },
  U64: { array: BigUint64Array, bytes: 8, rank: 14 },
} as const;

/** Name of an element type as written in a safetensors file. */
export type TensorDtype = keyof typeof DTYPES;

/** The typed array that holds elements of any {@link TensorDtype}. */
export type TensorData = InstanceType<(typeof DTYPES)[TensorDtype]['array']>;

/** A tensor of a safetensors file: row-major elements, `data.length` = product of `shape`. */
export interface NamedTensor {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  /** In the array type that belongs to `dtype`; F16 and BF16 are raw bits in a Uint16Array. */
  readonly data: TensorData;
}

/** Whether `name` is an element type that this package reads and writes. */
export function isTensorDtype(name: unknown): name is TensorDtype {
  return typeof name === 'string' && Object.hasOwn(DTYPES, name);
}

/** Values of bfloat16 numbers given as their 16 bits: the upper half of a float32. */
function widenBfloat16(bits: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const upper = Uint32Array.from(bits, (half) => half << 16);
  return new Float32Array(upper.buffer);
}

/**
 * Elements of a floating-point tensor as float32.
 *
 * @param tensor - F32 (returned as it is, not copied), F16, BF16 (exact) or F64 (rounded).
 * @param name - How messages call the tensor.
 * @throws {FileFormatError} for any other element type, or if a finite F64 value is too large for float32.
 */
export function toFloat32(tensor: NamedTensor, name = 'tensor'): Float32Array {
  const { dtype, data } = tensor;
  if (data instanceof Float32Array) return data;
  if (dtype === 'F16') return Float32Array.from(data as Uint16Array, widenFloat16);
  if (dtype === 'BF16') return widenBfloat16(data as Uint16Array);
  if (data instanceof Float64Array) {
    const narrow = Float32Array.from(data);
    const lost = data.findIndex(
      (value, i) => Number.isFinite(value) && !Number.isFinite(narrow[i]),
    );
    if (lost < 0) return narrow;
    throw new FileFormatError(
      `tensor '${name}': element ${lost} is ${data[lost]}, expected at most 3.4028235e38 in magnitude, ` +
        'the largest float32. Rescale the tensor before storing it.',
    );
  }
  throw new FileFormatError(
    `tensor '${name}': element type is ${dtype}, expected F32, F16, BF16 or F64. ` +
      'Store the tensor as floating point.',
  );
}
