import { describe, expect, it, vi } from 'vitest';
import type { Operator, Values } from '../../../src/graph/operator.ts';
import { fill, input, parameter, state } from '../../../src/graph/sources.ts';
import { applyUnary } from '../../../src/graph/tensor.ts';
import { add, multiply } from '../../../src/ops/binary.ts';
import { evaluateGraph } from '../../../src/reference/interpreter.ts';
import { largestMagnitude, tolerance } from '../../../src/reference/tolerance.ts';

describe('evaluateGraph', () => {
  const x = input('x', [2]);
  const w = parameter({ name: 'w', shape: [2], initialize: () => new Float32Array(2) });
  const h = state('h', [2]);

  it('reads inputs, states, parameters and constants by name, in float64', () => {
    const y = add(multiply(x, w), add(h, fill([2], 0.1)));
    const values = evaluateGraph([y], {
      inputs: new Map([['x', Float64Array.of(1, 2)]]),
      parameters: new Map([['w', Float64Array.of(3, 4)]]),
      states: new Map([['h', Float64Array.of(10, 20)]]),
    });
    expect([...(values.get(y) ?? [])]).toEqual([3 + 10.1, 8 + 20.1]);
  });

  it('evaluates every node once and leaves what it was given', () => {
    const given = Float64Array.of(1, 2);
    const evaluate = vi.fn(([values]: readonly Values[]) => [
      Float64Array.from(values ?? [], (value) => value * value),
    ]);
    const counted: Operator<null> = {
      name: 'counted',
      infer: ([type]) => (type ? [type] : []),
      evaluate,
    };
    const shared = applyUnary(counted, [x], null, 'counted');
    const y = multiply(shared, shared);
    const values = evaluateGraph([y, shared], { inputs: new Map([['x', given]]) });
    expect([...(values.get(y) ?? [])]).toEqual([1, 16]);
    expect(evaluate).toHaveBeenCalledTimes(1);
    expect(given).toEqual(Float64Array.of(1, 2));
  });

  it('says which source has no value, or one of the wrong size', () => {
    expect(() => evaluateGraph([x])).toThrow(
      "reference: input 'x' has no value, expected 2 for shape [2].",
    );
    expect(() => evaluateGraph([h], { states: new Map([['h', new Float64Array(3)]]) })).toThrow(
      "reference: state 'h' has 3 values, expected 2 for shape [2].",
    );
    expect(() => evaluateGraph([w])).toThrow("reference: parameter 'w' has no value");
  });
});

describe('tolerance', () => {
  it('grows with steps, with the root of the fan-in, and with the magnitude', () => {
    const one = tolerance({ steps: 1, fanIn: 1, magnitude: 1 });
    expect(one).toBeCloseTo(4 * 2 ** -23, 8);
    expect(tolerance({ steps: 3, fanIn: 1, magnitude: 1 }) / one).toBeCloseTo(3, 1);
    expect(tolerance({ steps: 1, fanIn: 16, magnitude: 1 }) / one).toBeCloseTo(4, 1);
    expect(tolerance({ steps: 1, fanIn: 1, magnitude: 8 }) / one).toBeCloseTo(8, 1);
    expect(tolerance({ steps: 1, fanIn: 1, magnitude: 0 })).toBeGreaterThan(0);
  });

  it('takes the largest absolute value of a tensor', () => {
    expect(largestMagnitude([1, -3, 2])).toBe(3);
    expect(largestMagnitude([])).toBe(0);
  });
});
