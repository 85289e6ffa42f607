import { describe, expect, it } from 'vitest';
import { input } from '../../../src/graph/sources.ts';
import { add, divide, multiply, subtract } from '../../../src/ops/binary.ts';
import { exp, log, negate, relu, scale, sigmoid, square, tanh } from '../../../src/ops/unary.ts';
import { evaluate, gradientError } from '../../support/gradient-check.ts';

const unary = { tanh, sigmoid, relu, negate, square, exp };
const binary = { add, subtract, multiply };
const shapes = [[1], [3, 5], [2, 3, 7], []];

describe('functions of one tensor', () => {
  it.each(Object.entries(unary))('%s has the right gradient', (_name, apply) => {
    for (const shape of shapes) expect(gradientError(apply(input('x', shape)))).toBeLessThan(1e-6);
  });

  it('log and scale have the right gradient', () => {
    const values = { x: [0.3, 1, 2.5, 17] };
    expect(gradientError(log(input('x', [4])), { values })).toBeLessThan(1e-6);
    expect(gradientError(scale(input('x', [5]), -1.75))).toBeLessThan(1e-6);
  });

  it('give known values', () => {
    const x = input('x', [3]);
    const values = { x: [-1, 0, 2] };
    expect(evaluate(relu(x), values)).toEqual([0, 0, 2]);
    expect(evaluate(negate(x), values)).toEqual([1, -0, -2]);
    expect(evaluate(square(x), values)).toEqual([1, 0, 4]);
    expect(evaluate(sigmoid(x), values)[1]).toBe(0.5);
    expect(evaluate(sigmoid(x), { x: [-800, 0, 800] })).toEqual([0, 0.5, 1]);
    expect(evaluate(tanh(x), values)[2]).toBeCloseTo(0.9640275800758169, 15);
    expect(evaluate(log(exp(x)), values)[2]).toBeCloseTo(2, 14);
  });

  it('carry their name as label, or the one given', () => {
    expect(tanh(input('x', [1])).label).toBe('tanh');
    expect(tanh(input('x', [1]), 'gate').label).toBe('gate');
  });

  it('refuse tokens and factors that are no numbers', () => {
    expect(() => tanh(input('t', [2, 3], 'i32'), 'head/tanh')).toThrow(
      'head/tanh: input is i32 [2, 3], expected f32. Put an embedding or oneHot in front of tokens.',
    );
    expect(() => scale(input('x', [1]), Number.NaN)).toThrow(
      'scale: factor is NaN, expected a finite number.',
    );
  });
});

describe('functions of two tensors', () => {
  it.each(Object.entries(binary))('%s has the right gradients', (_name, apply) => {
    for (const shape of shapes) {
      const pair = apply(input('a', shape), input('b', shape));
      expect(gradientError(pair)).toBeLessThan(1e-6);
    }
  });

  it.each(Object.entries(binary))('%s repeats its right operand', (_name, apply) => {
    const a = input('a', [4, 3, 5]);
    for (const shape of [[5], [3, 5], []]) {
      expect(gradientError(apply(a, input('b', shape)))).toBeLessThan(1e-6);
    }
  });

  it('divide has the right gradients', () => {
    const values = { b: [0.5, -2, 3] };
    for (const shape of [[3], [4, 3]]) {
      const quotient = divide(input('a', shape), input('b', [3]));
      expect(gradientError(quotient, { values })).toBeLessThan(1e-6);
    }
  });

  it('give known values, rows of the right operand repeated', () => {
    const [a, b] = [input('a', [2, 2]), input('b', [2])];
    const values = { a: [1, 2, 3, 4], b: [10, 20] };
    expect(evaluate(add(a, b), values)).toEqual([11, 22, 13, 24]);
    expect(evaluate(subtract(a, b), values)).toEqual([-9, -18, -7, -16]);
    expect(evaluate(multiply(a, b), values)).toEqual([10, 40, 30, 80]);
    expect(evaluate(divide(a, b), values)).toEqual([0.1, 0.1, 0.3, 0.2]);
  });

  it('add a tensor to itself', () => {
    const x = input('x', [3]);
    expect(gradientError(multiply(x, add(x, x)))).toBeLessThan(1e-6);
  });

  it('say which shapes do not fit', () => {
    const [a, b] = [input('a', [4, 5]), input('b', [3])];
    expect(() => add(a, b, 'decoder/add')).toThrow(
      'decoder/add: left operand is [4, 5], right operand is [3], expected [4, 5] or its last axes. ' +
        'Reshape one of them.',
    );
    expect(() => multiply(input('row', [5]), a)).toThrow(
      'multiply: left operand is [5], right operand is [4, 5], expected [5] or its last axes. ' +
        'Exchange the operands.',
    );
    expect(() => add(a, input('t', [5], 'i32'))).toThrow('add: right operand is i32 [5]');
  });
});
