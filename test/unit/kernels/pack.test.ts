import { describe, expect, expectTypeOf, it } from 'vitest';
import { ShapeError } from '../../../src/errors.ts';
import type { StructLayout } from '../../../src/kernels/description.ts';
import { packStruct, type StructValues, unpackStruct } from '../../../src/kernels/pack.ts';

const layout = {
  sizeBytes: 96,
  fields: {
    count: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
    shift: { offsetBytes: 4, sizeBytes: 4, type: 'i32' },
    rate: { offsetBytes: 8, sizeBytes: 4, type: 'f32' },
    hits: { offsetBytes: 12, sizeBytes: 4, type: 'atomic<u32>' },
    color: { offsetBytes: 16, sizeBytes: 12, type: 'vec3f' },
    pair: { offsetBytes: 32, sizeBytes: 8, type: 'array<i32, 2>' },
    corners: { offsetBytes: 48, sizeBytes: 32, type: 'array<vec3u, 2>' },
    half: { offsetBytes: 80, sizeBytes: 8, type: 'vec2f' },
  },
} as const satisfies StructLayout;

const values: StructValues<typeof layout> = {
  count: 4294967295,
  shift: -3,
  rate: 0.5,
  hits: 7,
  color: [1, 2, 3],
  pair: [-1, 1],
  corners: [1, 2, 3, 4, 5, 6],
  half: [0.25, -0.25],
};

describe('packing structs', () => {
  it('puts every field where the shader reads it, with zeros between', () => {
    const bytes = packStruct(layout, values);
    expect(bytes.byteLength).toBe(96);
    const view = new DataView(bytes.buffer);
    expect(view.getUint32(0, true)).toBe(4294967295);
    expect(view.getInt32(4, true)).toBe(-3);
    expect(view.getFloat32(8, true)).toBe(0.5);
    expect(view.getUint32(12, true)).toBe(7);
    expect([16, 20, 24, 28].map((at) => view.getFloat32(at, true))).toEqual([1, 2, 3, 0]);
    expect([32, 36].map((at) => view.getInt32(at, true))).toEqual([-1, 1]);
    const corners = [48, 52, 56, 60, 64, 68, 72, 76].map((at) => view.getUint32(at, true));
    expect(corners).toEqual([1, 2, 3, 0, 4, 5, 6, 0]);
  });

  it('reads back what it wrote, from anywhere in a buffer', () => {
    const room = new Uint8Array(200).fill(255);
    room.set(packStruct(layout, values), 52);
    expect(unpackStruct(layout, room.subarray(52, 148))).toEqual(values);
  });

  it('derives the types of the values from the layout', () => {
    type Values = StructValues<typeof layout>;
    expectTypeOf<Values['count']>().toEqualTypeOf<number>();
    expectTypeOf<Values['hits']>().toEqualTypeOf<number>();
    expectTypeOf<Values['color']>().toEqualTypeOf<readonly number[]>();
    expectTypeOf<Values['corners']>().toEqualTypeOf<readonly number[]>();
    expectTypeOf(unpackStruct(layout, packStruct(layout, values))).toEqualTypeOf<Values>();
    expectTypeOf<Omit<Values, 'count'>>().not.toExtend<Values>();
    expectTypeOf<Record<keyof Values, number>>().not.toExtend<Values>();
  });

  const broken: [string, object, string][] = [
    [
      'a missing field',
      { count: undefined },
      "struct field 'count' (u32) is undefined, expected a number.",
    ],
    [
      'an unknown field',
      { cuont: 1 },
      "struct field 'cuont' is unknown, expected count, shift, rate, hits, color, pair, corners, half.",
    ],
    [
      'a vector of the wrong length',
      { color: [1, 2] },
      "struct field 'color' (vec3f) is a list of 2, expected 3 numbers.",
    ],
    [
      'a number for an array',
      { pair: 1 },
      "struct field 'pair' (array<i32, 2>) is 1, expected 2 numbers.",
    ],
    [
      'a negative u32',
      { count: -1 },
      "struct field 'count' (u32) is -1, expected an integer from 0 to 4294967295.",
    ],
    [
      'a fractional i32',
      { pair: [0, 0.5] },
      "struct field 'pair' (i32) is 0.5, expected an integer from -2147483648 to 2147483647.",
    ],
  ];
  it.each(broken)('refuses %s', (_name, change, message) => {
    const given = { ...values, ...change } as typeof values;
    expect(() => packStruct(layout, given)).toThrow(new ShapeError(message));
  });

  it('refuses types that it cannot write, and too few bytes', () => {
    const nested: StructLayout = {
      sizeBytes: 16,
      fields: { inner: { offsetBytes: 0, sizeBytes: 16, type: 'Inner' } },
    };
    expect(() => unpackStruct(nested, new Uint8Array(16))).toThrow(
      new ShapeError(
        "struct field 'inner' has type Inner, expected a scalar, a vector, or an array of those with a fixed length.",
      ),
    );
    expect(() => unpackStruct(layout, new Uint8Array(95))).toThrow(
      new ShapeError('struct is read from 95 bytes, expected at least 96.'),
    );
  });
});
