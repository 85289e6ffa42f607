import { ShapeError } from '../errors.ts';
import type { StructLayout } from './description.ts';

type Scalar = 'u32' | 'i32' | 'f32';

/** What the host gives for a field: a number, or the numbers of a vector or array in order. */
export type FieldValue<T extends string> = T extends Scalar | `atomic<${Scalar}>`
  ? number
  : T extends `vec${2 | 3 | 4}${'f' | 'i' | 'u'}` | `array<${string}, ${number}>`
    ? readonly number[]
    : never;

/** A value for every field of a struct, derived from its reflected layout. */
export type StructValues<L extends StructLayout> = {
  readonly [N in keyof L['fields']]: FieldValue<L['fields'][N]['type']>;
};

/** How a field's numbers lie in memory: `count` groups of `lanes` scalars, `strideBytes` apart. */
interface FieldShape {
  readonly scalar: Scalar;
  readonly lanes: number;
  readonly count: number;
  readonly strideBytes: number;
  /** Whether the host gives a bare number. */
  readonly single: boolean;
}

/** A field, where it lies and how. */
interface Field {
  readonly name: string;
  readonly type: string;
  readonly offsetBytes: number;
  readonly shape: FieldShape;
}

const scalars: Readonly<Record<string, Scalar>> = { u: 'u32', i: 'i32', f: 'f32' };

function shapeOf(type: string): FieldShape | undefined {
  const match = /^(?:array<)?(?:atomic<)?(?:vec([234])([uif])|([uif]32))>?(?:, (\d+)>)?$/.exec(
    type,
  );
  if (match === null || type.startsWith('array<') !== (match[4] !== undefined)) return undefined;
  const lanes = Number(match[1] ?? 1);
  const scalar = (match[3] as Scalar | undefined) ?? scalars[match[2] ?? ''] ?? 'u32';
  return {
    scalar,
    lanes,
    count: Number(match[4] ?? 1),
    strideBytes: lanes === 3 ? 16 : lanes * 4,
    single: lanes === 1 && match[4] === undefined,
  };
}

/**
 * Bytes of a struct as the shader reads them.
 *
 * @param layout - Reflected layout, e.g. `matmul.bindings.sizes.struct`.
 * @param values - A value for every field; vectors and arrays as lists of numbers.
 * @returns `layout.sizeBytes` bytes, little-endian, padding zero.
 * @throws {ShapeError} naming the field whose value is missing, unknown, of the wrong length, or out
 *   of the range of its type.
 */
export function packStruct<const L extends StructLayout>(
  layout: L,
  values: StructValues<L>,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(layout.sizeBytes);
  const view = new DataView(bytes.buffer);
  const given: Readonly<Record<string, unknown>> = values;
  for (const name of Object.keys(given)) {
    if (layout.fields[name] === undefined) {
      const names = Object.keys(layout.fields).join(', ');
      throw new ShapeError(`struct field '${name}' is unknown, expected ${names}.`);
    }
  }
  for (const { name, type, shape, offsetBytes } of fieldsOf(layout)) {
    const numbers = numbersOf(name, type, shape, given[name]);
    forEachScalar(shape, offsetBytes, (at, index) => {
      write(view, at, shape.scalar, numbers[index] as number, name);
    });
  }
  return bytes;
}

/**
 * The values of a struct that lies at the start of `bytes`; the inverse of {@link packStruct}.
 *
 * @throws {ShapeError} if there are fewer bytes than the struct has.
 */
export function unpackStruct<const L extends StructLayout>(
  layout: L,
  bytes: Uint8Array,
): StructValues<L> {
  if (bytes.byteLength < layout.sizeBytes) {
    const expected = `expected at least ${layout.sizeBytes}`;
    throw new ShapeError(`struct is read from ${bytes.byteLength} bytes, ${expected}.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: Record<string, number | readonly number[]> = {};
  for (const { name, shape, offsetBytes } of fieldsOf(layout)) {
    const numbers: number[] = [];
    forEachScalar(shape, offsetBytes, (at) => numbers.push(read(view, at, shape.scalar)));
    values[name] = shape.single ? (numbers[0] as number) : numbers;
  }
  return values as StructValues<L>;
}

/** Fields of the layouts seen so far: a plan packs the same struct for each of its launches. */
const known = new WeakMap<StructLayout, readonly Field[]>();

function fieldsOf(layout: StructLayout): readonly Field[] {
  const found = known.get(layout);
  if (found) return found;
  const fields = Object.entries(layout.fields).map(([name, { type, offsetBytes }]) => {
    return { name, type, offsetBytes, shape: knownShape(name, type) };
  });
  known.set(layout, fields);
  return fields;
}

function knownShape(name: string, type: string): FieldShape {
  const shape = shapeOf(type);
  if (shape !== undefined) return shape;
  const expected = 'expected a scalar, a vector, or an array of those with a fixed length';
  throw new ShapeError(`struct field '${name}' has type ${type}, ${expected}.`);
}

function numbersOf(
  name: string,
  type: string,
  shape: FieldShape,
  value: unknown,
): readonly number[] {
  const expected = shape.single ? 'a number' : `${shape.lanes * shape.count} numbers`;
  const numbers = shape.single ? [value] : value;
  const fits =
    Array.isArray(numbers) &&
    numbers.length === shape.lanes * shape.count &&
    numbers.every((number) => typeof number === 'number');
  if (fits) return numbers;
  const got = Array.isArray(value) ? `a list of ${value.length}` : String(value);
  throw new ShapeError(`struct field '${name}' (${type}) is ${got}, expected ${expected}.`);
}

function forEachScalar(
  { lanes, count, strideBytes }: FieldShape,
  offsetBytes: number,
  visit: (offsetBytes: number, index: number) => void,
): void {
  for (let item = 0; item < count; item++) {
    for (let lane = 0; lane < lanes; lane++) {
      visit(offsetBytes + item * strideBytes + lane * 4, item * lanes + lane);
    }
  }
}

function write(view: DataView, at: number, scalar: Scalar, value: number, name: string): void {
  if (scalar === 'f32') {
    view.setFloat32(at, value, true);
    return;
  }
  const [low, high] = scalar === 'u32' ? [0, 0xffffffff] : [-0x80000000, 0x7fffffff];
  if (!Number.isInteger(value) || value < low || value > high) {
    const expected = `expected an integer from ${low} to ${high}`;
    throw new ShapeError(`struct field '${name}' (${scalar}) is ${value}, ${expected}.`);
  }
  if (scalar === 'u32') view.setUint32(at, value, true);
  else view.setInt32(at, value, true);
}

function read(view: DataView, at: number, scalar: Scalar): number {
  if (scalar === 'f32') return view.getFloat32(at, true);
  return scalar === 'u32' ? view.getUint32(at, true) : view.getInt32(at, true);
}
