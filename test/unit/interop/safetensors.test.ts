import { describe, expect, it } from 'vitest';
import { FileFormatError, OptionError, ShapeError } from '../../../src/errors.ts';
import {
  type NamedTensor,
  readSafetensors,
  toFloat32,
  writeSafetensors,
} from '../../../src/interop/safetensors.ts';

const everyType: [string, NamedTensor][] = [
  ['bool', { dtype: 'BOOL', shape: [3], data: Uint8Array.of(0, 1, 1) }],
  ['u8', { dtype: 'U8', shape: [1], data: Uint8Array.of(255) }],
  ['i8', { dtype: 'I8', shape: [1], data: Int8Array.of(-128) }],
  ['e5m2', { dtype: 'F8_E5M2', shape: [1], data: Uint8Array.of(0x3c) }],
  ['e4m3', { dtype: 'F8_E4M3', shape: [1], data: Uint8Array.of(0x38) }],
  ['i16', { dtype: 'I16', shape: [1], data: Int16Array.of(-32768) }],
  ['u16', { dtype: 'U16', shape: [1], data: Uint16Array.of(65535) }],
  ['f16', { dtype: 'F16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) }],
  ['bf16', { dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) }],
  ['i32', { dtype: 'I32', shape: [1], data: Int32Array.of(-(2 ** 31)) }],
  ['u32', { dtype: 'U32', shape: [1], data: Uint32Array.of(2 ** 32 - 1) }],
  ['f32', { dtype: 'F32', shape: [], data: Float32Array.of(Math.PI) }],
  ['f64', { dtype: 'F64', shape: [1, 1], data: Float64Array.of(Math.PI) }],
  ['i64', { dtype: 'I64', shape: [1], data: BigInt64Array.of(-(2n ** 63n)) }],
  ['u64', { dtype: 'U64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) }],
  ['empty', { dtype: 'F32', shape: [0, 7], data: new Float32Array(0) }],
];

function headerText(file: Uint8Array): string {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  return new TextDecoder().decode(file.subarray(8, 8 + length));
}

describe('writeSafetensors', () => {
  it('writes the bytes that the format describes', () => {
    const file = writeSafetensors(
      [
        ['b', { dtype: 'I32', shape: [1], data: Int32Array.of(5) }],
        ['a', { dtype: 'I32', shape: [], data: Int32Array.of(6) }],
        ['z', { dtype: 'F32', shape: [1], data: Float32Array.of(1) }],
      ],
      { second: '2', first: '1' },
    );
    const header =
      '{"__metadata__":{"first":"1","second":"2"},' +
      '"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' +
      '"a":{"dtype":"I32","shape":[],"data_offsets":[4,8]},' +
      '"b":{"dtype":"I32","shape":[1],"data_offsets":[8,12]}}';
    expect(headerText(file)).toBe(header.padEnd(Math.ceil(header.length / 8) * 8));
    expect([...file.slice(-12)]).toEqual([0, 0, 128, 63, 6, 0, 0, 0, 5, 0, 0, 0]);
  });

  it('gives every type back, whatever the order it was given in', () => {
    const file = writeSafetensors(everyType);
    expect(writeSafetensors([...everyType].reverse())).toEqual(file);
    const { tensors, metadata } = readSafetensors(file);
    expect(metadata).toEqual({});
    expect(new Map([...tensors].sort())).toEqual(new Map([...everyType].sort()));
    expect(writeSafetensors(tensors)).toEqual(file);
  });

  it('writes a view into a larger buffer, and nothing beside it', () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    const file = writeSafetensors([['v', { dtype: 'F32', shape: [2], data }]]);
    expect(readSafetensors(file).tensors.get('v')?.data).toEqual(Float32Array.of(2, 3));
  });

  const one: NamedTensor = { dtype: 'F32', shape: [1], data: Float32Array.of(1) };

  it('refuses what it could not write faithfully', () => {
    expect(() => writeSafetensors([['__metadata__', one]])).toThrow(OptionError);
    expect(() => writeSafetensors([['__proto__', one]])).toThrow(/reserved/);
    expect(() => writeSafetensors([['\ud800', one]])).toThrow(/not valid Unicode/);
    const twice = [['a', one] as const, ['a', one] as const];
    expect(() => writeSafetensors(twice)).toThrow("tensor 'a' is given twice");
    expect(() => writeSafetensors([['a', { ...one, shape: [2] }]])).toThrow(ShapeError);
    expect(() => writeSafetensors([['a', { ...one, shape: [-1, -1] }]])).toThrow(ShapeError);
    expect(() => writeSafetensors([['a', { ...one, dtype: 'I32' }]])).toThrow(
      "tensor 'a': data is a Float32Array, I32 is written from a Int32Array.",
    );
    expect(() => writeSafetensors([['a', { ...one, dtype: 'F31' as 'F32' }]])).toThrow(/F31/);
    expect(() => writeSafetensors([], { n: 1 as unknown as string })).toThrow(/metadata "n" is 1/);
  });
});

describe('readSafetensors', () => {
  it('takes an ArrayBuffer or an unaligned view, and copies', () => {
    const file = writeSafetensors(everyType);
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    const view = shifted.subarray(3);
    const fromView = readSafetensors(view);
    expect(fromView).toEqual(readSafetensors(file.buffer));
    view.fill(0);
    expect(fromView.tensors.get('f32')?.data).toEqual(Float32Array.of(Math.PI));
  });

  it('accepts a header without padding and tensors in any order', () => {
    const entry = (at: number) => `{"dtype":"U8","shape":[1],"data_offsets":[${at},${at + 1}]}`;
    const text = new TextEncoder().encode(`{"late":${entry(1)},"early":${entry(0)}}`);
    const file = new Uint8Array(8 + text.length + 2);
    new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
    file.set(text, 8);
    file.set([10, 20], 8 + text.length);
    const { tensors } = readSafetensors(file);
    expect([...tensors.keys()]).toEqual(['early', 'late']);
    expect(tensors.get('late')?.data).toEqual(Uint8Array.of(20));
  });
});

describe('toFloat32', () => {
  it('widens half precision exactly', () => {
    const bits = [
      0, 0x8000, 0x3c00, 0xc000, 0x3555, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00,
    ];
    const data = Uint16Array.from([...bits, 0x7e00]);
    const values = toFloat32({ dtype: 'F16', shape: [12], data });
    expect([...values]).toEqual([
      0,
      -0,
      1,
      -2,
      0.333251953125,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      65504,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
  });

  it('widens bfloat16 exactly', () => {
    const data = Uint16Array.of(0x3f80, 0xc049, 0x0001, 0xff80, 0x7fc0);
    const values = toFloat32({ dtype: 'BF16', shape: [5], data });
    expect([...values]).toEqual([1, -3.140625, 2 ** -133, Number.NEGATIVE_INFINITY, Number.NaN]);
  });

  it('rounds float64 and passes float32 through', () => {
    const wide = Float64Array.of(0.1, Number.POSITIVE_INFINITY);
    expect([...toFloat32({ dtype: 'F64', shape: [2], data: wide })]).toEqual([
      Math.fround(0.1),
      Number.POSITIVE_INFINITY,
    ]);
    const data = Float32Array.of(1);
    expect(toFloat32({ dtype: 'F32', shape: [1], data })).toBe(data);
  });

  it('refuses what float32 cannot hold', () => {
    const huge: NamedTensor = { dtype: 'F64', shape: [2], data: Float64Array.of(0, -1e39) };
    expect(() => toFloat32(huge, 'w')).toThrow("tensor 'w': element 1 is -1e+39");
    const whole: NamedTensor = { dtype: 'I32', shape: [1], data: Int32Array.of(1) };
    expect(() => toFloat32(whole, 'w')).toThrow(FileFormatError);
  });
});
