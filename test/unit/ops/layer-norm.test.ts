import { describe, expect, it } from 'vitest';
import { input } from '../../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import { buildModel } from '../../../src/layers/build.ts';
import { layerNorm as layer } from '../../../src/layers/layer-norm.ts';
import { sequential } from '../../../src/layers/model.ts';
import { differentiate } from '../../../src/ops/differentiate.ts';
import { layerNorm } from '../../../src/ops/layer-norm.ts';
import { initializeParameters } from '../../../src/training/initialize.ts';
import { layoutOf } from '../../../src/training/training-graph.ts';
import { evaluate, gradientError } from '../../support/gradient-check.ts';

describe('layerNorm', () => {
  it('gives known values', () => {
    // Rows with mean 5 and variance 5, and with variance 0.
    const x = input('x', [2, 4]);
    const given = { x: [2, 4, 6, 8, 3, 3, 3, 3], weight: [1, 2, 3, 4], bias: [0, 10, 20, 30] };
    const [weight, bias] = [input('weight', [4]), input('bias', [4])];
    const root = Math.sqrt(5 + 1e-5);
    const normal = [-3 / root, -1 / root, 1 / root, 3 / root];
    expect(evaluate(layerNorm(x), given)).toEqual([...normal, 0, 0, 0, 0].map(closeTo));
    expect(evaluate(layerNorm(x, { weight, bias }), given)).toEqual(
      [...normal.map((n, at) => n * (at + 1) + 10 * at), 0, 10, 20, 30].map(closeTo),
    );
    const wide = layerNorm(x, { bias, epsilon: 4 });
    expect(evaluate(wide, given)).toEqual(
      [-1, 10 - 1 / 3, 20 + 1 / 3, 31, 0, 10, 20, 30].map(closeTo),
    );
  });

  it('has the gradients of hand-computed values', () => {
    // One row (−1, 1): mean 0, variance 1; with ε = 3 the normalised row is (−½, ½).
    const x = input('x', [1, 2]);
    const weight = input('weight', [2]);
    const dy = input('dy', [1, 2]);
    const y = layerNorm(x, { weight, epsilon: 3 });
    const given = { x: [-1, 1], weight: [2, 4], dy: [1, 3] };
    const [dx, dWeight] = differentiate(y, [x, weight], dy) as [SymbolicTensor, SymbolicTensor];
    // g = (2, 12), mean 7; g·n = (−1, 6), mean 2.5; dx = ½(g − 7 − n·2.5).
    expect(evaluate(dx, given)).toEqual([0.5 * (2 - 7 + 1.25), 0.5 * (12 - 7 - 1.25)].map(closeTo));
    expect(evaluate(dWeight, given)).toEqual([-0.5, 1.5].map(closeTo));
  });

  it.each([
    [[3], true, true],
    [[2, 5], true, true],
    [[2, 5], true, false],
    [[2, 5], false, true],
    [[3, 2, 4], false, false],
    [[4, 1], true, true],
  ] as const)('of %j, weight %s, bias %s: all gradients', (shape, hasWeight, hasBias) => {
    const width = [shape.at(-1) as number];
    const weight = hasWeight ? input('weight', width) : undefined;
    const bias = hasBias ? input('bias', width) : undefined;
    const y = layerNorm(input('x', shape), { weight, bias });
    expect(gradientError(y)).toBeLessThan(1e-7);
  });

  it('takes far rows as they are: the mean does not eat the digits', () => {
    const x = input('x', [1, 4]);
    const near = evaluate(layerNorm(x), { x: [1, 2, 3, 4] });
    const far = evaluate(layerNorm(x), { x: [1e8 + 1, 1e8 + 2, 1e8 + 3, 1e8 + 4] });
    expect(far).toEqual(near.map(closeTo));
  });

  it('names the shapes and options that do not fit', () => {
    const x = input('x', [2, 4]);
    expect(() => layerNorm(x, { bias: input('b', [3]) }, 'norm')).toThrow(
      'norm: bias is [3], expected [4], one per element of the last axis of [2, 4].',
    );
    expect(() => layerNorm(x, { weight: input('w', [1, 4]) })).toThrow(
      'weight is [1, 4], expected [4]',
    );
    expect(() => layerNorm(input('t', [2], 'i32'), {}, 'norm')).toThrow(
      'norm: input is i32 [2], expected f32.',
    );
    expect(() => layerNorm(input('s', []))).toThrow('layer-norm: input is a scalar []');
    expect(() => layerNorm(x, { epsilon: 0 })).toThrow(
      'layer-norm: epsilon is 0, expected a number > 0: a row of equal elements has variance 0.',
    );
    expect(() => layer({ epsilon: -1 })).toThrow(
      'layerNorm: epsilon is -1, expected a number > 0, such as 1e-5.',
    );
    expect(() => layer({ affine: false } as object)).toThrow(
      "layerNorm: unknown option 'affine', expected one of name, epsilon, weight, bias.",
    );
  });

  it('as a layer begins as the identity of normalised rows, and survives as plain data', () => {
    const network = sequential([layer(), layer({ name: 'n', weight: false, epsilon: 1e-3 })]);
    const traced = network.trace({ input: { shape: [2, 3], dtype: 'f32' } });
    const values = initializeParameters(layoutOf(traced), 1);
    expect([...values].map(([name, data]) => [name, [...data]])).toEqual([
      ['layerNorm.weight', [1, 1, 1]],
      ['layerNorm.bias', [0, 0, 0]],
      ['n.bias', [0, 0, 0]],
    ]);
    const config = JSON.parse(JSON.stringify(network.config));
    expect(buildModel(config).config).toEqual(config);
    expect(config[1]).toEqual({ kind: 'layerNorm', name: 'n', weight: false, epsilon: 1e-3 });
  });
});

function closeTo(value: number): unknown {
  return expect.closeTo(value, 7);
}
