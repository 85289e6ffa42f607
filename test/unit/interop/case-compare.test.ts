import { describe, expect, it } from 'vitest';
import { compareCase, compareTensors } from '../../../src/interop/case-compare.ts';
import { parseParityCase } from '../../../src/interop/case-file.ts';
import type { NamedTensor } from '../../../src/interop/safetensors.ts';
import { makeCase } from './case-fixtures.ts';

const floats = (...values: number[]): NamedTensor => ({
  dtype: 'F32',
  shape: [values.length / 2, 2],
  data: Float32Array.from(values),
});
const integers = (...values: number[]): NamedTensor => ({
  dtype: 'I32',
  shape: [values.length],
  data: Int32Array.from(values),
});
const tolerance = { rtol: 0.25, atol: 0.5 };

describe('compareTensors', () => {
  it('passes on the bound and names the worst element', () => {
    const result = compareTensors('y', floats(0, 0, 0, 9.5), floats(0, 0, 0, 8), tolerance);
    expect(result).toEqual({
      tensor: 'y',
      reason: null,
      worst: { tensor: 'y', index: [1, 1], got: 9.5, expected: 8, ratio: 0.6 },
    });
    expect(compareTensors('y', floats(0.5, 0), floats(0, 0), tolerance).reason).toBeNull();
  });

  it('fails just beyond the bound', () => {
    const result = compareTensors('y', floats(0.50001, 3), floats(0, 0), tolerance);
    expect(result.reason).toBe('2 of 2 elements out of tolerance');
    expect(result.worst).toMatchObject({ index: [0, 1], ratio: 6 });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'fails on %d, got or expected',
    (value) => {
      const wide = { rtol: 1, atol: 1e30 };
      const got = compareTensors('y', floats(0, value), floats(0, 0), wide);
      expect(got.worst).toEqual({
        tensor: 'y',
        index: [0, 1],
        got: value,
        expected: 0,
        ratio: Number.POSITIVE_INFINITY,
      });
      expect(got.reason).not.toBeNull();
      expect(compareTensors('y', floats(0, value), floats(0, value), wide).reason).not.toBeNull();
    },
  );

  it('fails on missing tensors, other shapes and other types', () => {
    expect(compareTensors('y', undefined, floats(0, 0), tolerance).reason).toBe('missing');
    const turned: NamedTensor = { ...floats(0, 0), shape: [2, 1] };
    expect(compareTensors('y', turned, floats(0, 0), tolerance).reason).toBe(
      'shape [2, 1], expected [1, 2]',
    );
    const wide: NamedTensor = { dtype: 'F64', shape: [1, 2], data: new Float64Array(2) };
    expect(compareTensors('y', wide, floats(0, 0), tolerance).reason).toBe(
      'type F64, expected F32',
    );
  });

  it('demands equal integers, also 64-bit ones that no float tells apart', () => {
    expect(compareTensors('p', integers(1, 2), integers(1, 2), tolerance).reason).toBeNull();
    expect(compareTensors('p', integers(1, 3), integers(1, 2), { rtol: 9, atol: 9 })).toMatchObject(
      {
        reason: '1 of 2 elements out of tolerance',
        worst: { index: [1], got: 3, expected: 2, ratio: Number.POSITIVE_INFINITY },
      },
    );
    const wide = (value: bigint): NamedTensor => ({
      dtype: 'I64',
      shape: [1],
      data: BigInt64Array.of(value),
    });
    const near = compareTensors('p', wide(2n ** 60n + 1n), wide(2n ** 60n), tolerance);
    expect(near.reason).not.toBeNull();
  });

  it('passes empty tensors', () => {
    const empty: NamedTensor = { dtype: 'F32', shape: [0, 3], data: new Float32Array(0) };
    expect(compareTensors('y', empty, empty, tolerance)).toEqual({
      tensor: 'y',
      reason: null,
      worst: null,
    });
  });
});

describe('compareCase', () => {
  const read = (made: ReturnType<typeof makeCase>) =>
    parseParityCase(made.write(), 'c.safetensors');
  const moved = (tensor: NamedTensor | undefined, by: number): NamedTensor => {
    const data = Float32Array.from(tensor?.data as Float32Array, (value) => value + by);
    return { dtype: 'F32', shape: tensor?.shape ?? [], data };
  };

  it('passes what is within tolerance and points at the worst tensor', () => {
    const parsed = read(makeCase());
    const results = new Map([...parsed.expected].map(([name, each]) => [name, moved(each, 1e-6)]));
    const outcome = compareCase(parsed, results);
    expect(outcome?.pass).toBe(true);
    expect(outcome?.decisive?.tensor).toBe('grad.x');
  });

  it('fails if one tensor is out of tolerance or missing', () => {
    const parsed = read(makeCase());
    const results = new Map(parsed.expected);
    results.set('y', moved(parsed.expected.get('y'), 0.1));
    expect(compareCase(parsed, results)).toMatchObject({ pass: false, decisive: { tensor: 'y' } });
    results.delete('grad.x');
    expect(compareCase(parsed, results)).toMatchObject({
      pass: false,
      decisive: { tensor: 'grad.x', reason: 'missing' },
    });
  });

  it('has nothing to say about a stripped case', () => {
    const made = makeCase();
    for (const name of ['y', 'grad.x']) made.tensors.delete(name);
    expect(compareCase(read(made), new Map())).toBeNull();
  });
});
