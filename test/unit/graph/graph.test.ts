import { describe, expect, it } from 'vitest';
import type { Operator } from '../../../src/graph/operator.ts';
import {
  fill,
  input,
  inputSource,
  parameter,
  parameterOf,
  sourceName,
  state,
  stateSource,
} from '../../../src/graph/sources.ts';
import {
  applyOperator,
  applyUnary,
  formatShape,
  type SymbolicTensor,
  sizeOf,
  sortNodes,
} from '../../../src/graph/tensor.ts';
import { evaluateGraph } from '../../../src/reference/interpreter.ts';

const pair: Operator<null> = {
  name: 'pair',
  infer: ([first]) => [first, first].flatMap((type) => type ?? []),
  evaluate: ([first]) => [first, first].flatMap((values) => values ?? []),
};

describe('nodes', () => {
  it('come before those that use them, each once, in an order that is always the same', () => {
    const [a, b] = [input('a', [1]), input('b', [1])];
    const [left, right] = applyOperator(pair, [a], null, 'pair') as [
      SymbolicTensor,
      SymbolicTensor,
    ];
    const top = applyUnary(pair, [b, right, left, a], null, 'top');
    const order = () => sortNodes([left, top]).map(({ label }) => label);
    expect(order()).toEqual(['a', 'pair', 'b', 'top']);
    expect(order()).toEqual(order());
  });

  it('may be deep', () => {
    let x = input('x', [1]);
    for (let index = 0; index < 50_000; index++) x = applyUnary(pair, [x], null, `n${index}`);
    expect(sortNodes([x])).toHaveLength(50_001);
  });

  it('name their further outputs', () => {
    const [first, second] = applyOperator(pair, [input('x', [1])], null, 'path') as [
      SymbolicTensor,
      SymbolicTensor,
    ];
    expect([first.label, second.label]).toEqual(['path', 'path:1']);
  });

  it('need an output', () => {
    const none: Operator<null> = { name: 'none', infer: () => [], evaluate: () => [] };
    expect(() => applyUnary(none, [], null, 'x')).toThrow('operator none declares no output');
  });
});

describe('shapes', () => {
  it('have a size and a form in messages', () => {
    expect([sizeOf([]), sizeOf([2, 3]), sizeOf([2, 0])]).toEqual([1, 6, 0]);
    expect(formatShape([2, 3])).toBe('[2, 3]');
    expect(input('x', [2, 3]).size).toBe(6);
  });

  it.each([[[0]], [[2, -1]], [[1.5]], [[Number.NaN]]])('of an input cannot be %j', (shape) => {
    expect(() => input('x', shape)).toThrow(
      `x: shape is [${shape.join(', ')}], every extent must be a positive integer.`,
    );
    expect(() => state('h', shape)).toThrow('h: shape is');
  });
});

describe('sources', () => {
  it('are told apart by what they stand for', () => {
    const definition = { name: 'w', shape: [2], initialize: () => new Float32Array(2) };
    const [w, x, h] = [parameter(definition), input('x', [1], 'i32'), state('h', [1])];
    expect(parameterOf(w.node)).toBe(definition);
    expect(parameterOf(x.node)).toBeUndefined();
    expect(sourceName(x.node, inputSource)).toBe('x');
    expect(sourceName(x.node, stateSource)).toBeUndefined();
    expect(sourceName(h.node, stateSource)).toBe('h');
    expect(x.dtype).toBe('i32');
  });

  it('fill has its value everywhere', () => {
    const filled = fill([2, 2], 0.25);
    expect([...(evaluateGraph([filled]).get(filled) ?? [])]).toEqual([0.25, 0.25, 0.25, 0.25]);
  });
});
