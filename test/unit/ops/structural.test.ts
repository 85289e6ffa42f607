import { describe, expect, it } from 'vitest';
import { input } from '../../../src/graph/sources.ts';
import { concat } from '../../../src/ops/concat.ts';
import { differentiate } from '../../../src/ops/differentiate.ts';
import { broadcastLeading, columnSum, mean, sum } from '../../../src/ops/reduce.ts';
import { repeatTime } from '../../../src/ops/repeat.ts';
import { reshape } from '../../../src/ops/reshape.ts';
import { lastStep, reverseTime, sliceColumns, sliceTime } from '../../../src/ops/slice.ts';
import { square } from '../../../src/ops/unary.ts';
import { evaluate, gradientError } from '../../support/gradient-check.ts';

const count = (length: number) => ({ x: Array.from({ length }, (_, index) => index) });

describe('reductions', () => {
  it('have the right gradients', () => {
    for (const shape of [[1], [3, 5], [2, 3, 7], []]) {
      expect(gradientError(sum(input('x', shape)))).toBeLessThan(1e-6);
      expect(gradientError(mean(square(input('x', shape))))).toBeLessThan(1e-6);
      if (shape.length > 0) {
        expect(gradientError(columnSum(input('x', shape)))).toBeLessThan(1e-6);
      }
    }
  });

  it('give known values', () => {
    const x = input('x', [2, 2, 2]);
    expect(sum(x).shape).toEqual([]);
    expect(evaluate(sum(x), count(8))).toEqual([28]);
    expect(evaluate(mean(x), count(8))).toEqual([3.5]);
    expect(columnSum(x).shape).toEqual([2]);
    expect(evaluate(columnSum(x), count(8))).toEqual([12, 16]);
  });

  it('refuse tokens and columns of a scalar', () => {
    expect(() => sum(input('t', [2], 'i32'), 'total')).toThrow('total: input is i32 [2]');
    expect(() => columnSum(input('x', []))).toThrow(
      'column-sum: input is a scalar [], expected at least one axis. Use sum().',
    );
  });

  it('a loss that is no scalar cannot be differentiated', () => {
    const x = input('x', [2]);
    expect(() => differentiate(square(x), [x])).toThrow(
      "differentiate: loss 'square' has shape [2], expected a scalar. Reduce it with mean() or sum().",
    );
  });
});

describe('slices', () => {
  const x = () => input('x', [5, 2, 3]);

  it('have the right gradients, also at the edges', () => {
    for (const [begin, end] of [
      [0, 1],
      [4, 5],
      [1, 4],
      [0, 5],
    ] as const) {
      expect(gradientError(sliceTime(x(), begin, end))).toBeLessThan(1e-6);
    }
    for (const [begin, end] of [
      [0, 1],
      [2, 3],
      [1, 3],
    ] as const) {
      expect(gradientError(sliceColumns(x(), begin, end))).toBeLessThan(1e-6);
    }
    expect(gradientError(lastStep(x()))).toBeLessThan(1e-6);
    expect(gradientError(reverseTime(x()))).toBeLessThan(1e-6);
    expect(gradientError(reverseTime(input('x', [1])))).toBeLessThan(1e-6);
  });

  it('give known values', () => {
    const matrix = input('x', [3, 2]);
    expect(evaluate(sliceTime(matrix, 1, 3), count(6))).toEqual([2, 3, 4, 5]);
    expect(evaluate(sliceColumns(matrix, 1, 2), count(6))).toEqual([1, 3, 5]);
    expect(evaluate(reverseTime(matrix), count(6))).toEqual([4, 5, 2, 3, 0, 1]);
    expect(lastStep(matrix).shape).toEqual([2]);
    expect(evaluate(lastStep(matrix), count(6))).toEqual([4, 5]);
  });

  it('pass tokens through', () => {
    const tokens = input('x', [4, 2], 'i32');
    const last = reshape(sliceTime(reverseTime(tokens), 0, 2), [4]);
    expect(last.dtype).toBe('i32');
    expect(evaluate(last, count(8))).toEqual([6, 7, 4, 5]);
    expect(evaluate(concat([sliceColumns(tokens, 1, 2), tokens]), count(8)).slice(0, 3)).toEqual([
      1, 0, 1,
    ]);
    expect(repeatTime(tokens, 2).dtype).toBe('i32');
  });

  it('say which range leaves which axis', () => {
    expect(() => sliceTime(x(), 3, 6, 'encoder/tail')).toThrow(
      'encoder/tail: range 3 to 6 of axis 0 of [5, 2, 3], expected 0 ≤ begin < end ≤ 5.',
    );
    expect(() => sliceTime(x(), 2, 2)).toThrow('range 2 to 2 of axis 0');
    expect(() => sliceColumns(x(), -1, 2)).toThrow(
      'slice-columns: range -1 to 2 of axis 2 of [5, 2, 3], expected 0 ≤ begin < end ≤ 3.',
    );
    expect(() => sliceTime(input('x', []), 0, 1)).toThrow(
      'slice-time: input is a scalar [], expected at least one axis.',
    );
    expect(() => reverseTime(input('x', []))).toThrow(
      'reverse-time: input is a scalar [], expected [steps, ...].',
    );
  });
});

describe('concat, repeat and reshape', () => {
  it('have the right gradients', () => {
    const parts = [input('a', [2, 3, 1]), input('b', [2, 3, 4]), input('c', [2, 3, 2])];
    expect(gradientError(concat(parts))).toBeLessThan(1e-6);
    expect(gradientError(concat([input('a', [3])]))).toBeLessThan(1e-6);
    const x = input('x', [2, 3]);
    expect(gradientError(concat([x, square(x)]))).toBeLessThan(1e-6);
    expect(gradientError(repeatTime(x, 4))).toBeLessThan(1e-6);
    expect(gradientError(repeatTime(x, 1))).toBeLessThan(1e-6);
    expect(gradientError(reshape(square(x), [3, 1, 2]))).toBeLessThan(1e-6);
    expect(gradientError(reshape(sum(x), [1, 1]))).toBeLessThan(1e-6);
  });

  it('give known values', () => {
    const [a, b] = [input('a', [2, 1]), input('b', [2, 2])];
    const both = concat([a, b]);
    expect(both.shape).toEqual([2, 3]);
    expect(evaluate(both, { a: [1, 2], b: [3, 4, 5, 6] })).toEqual([1, 3, 4, 2, 5, 6]);
    const repeated = repeatTime(a, 3);
    expect(repeated.shape).toEqual([3, 2, 1]);
    expect(evaluate(repeated, { a: [1, 2] })).toEqual([1, 2, 1, 2, 1, 2]);
  });

  it('say what does not fit', () => {
    const a = input('a', [2, 3, 1]);
    expect(() => concat([a, input('b', [2, 4, 1])], 'bi/concat')).toThrow(
      'bi/concat: tensor 1 is f32 [2, 4, 1], expected f32 [2, 3, N] like tensor 0.',
    );
    expect(() => concat([a, input('b', [2, 3, 1], 'i32')])).toThrow('tensor 1 is i32 [2, 3, 1]');
    expect(() => concat([input('a', []), input('b', [])])).toThrow('tensor 0 is f32 []');
    expect(() => concat([])).toThrow('concat: got no tensors, expected at least one.');
    expect(() => repeatTime(a, 0)).toThrow('repeat-time: steps is 0, expected a positive integer.');
    expect(() => broadcastLeading(a, [2, 4, 1])).toThrow(
      'broadcast-leading: input is [2, 3, 1], expected the last axes of [2, 4, 1].',
    );
    expect(() => reshape(a, [2, 4], 'head/flat')).toThrow(
      'head/flat: cannot reshape [2, 3, 1] to [2, 4], expected positive extents with a product of 6.',
    );
    expect(() => reshape(a, [-1, 6])).toThrow('cannot reshape [2, 3, 1] to [-1, 6]');
  });
});
