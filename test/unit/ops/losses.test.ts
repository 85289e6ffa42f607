import { describe, expect, it } from 'vitest';
import { input } from '../../../src/graph/sources.ts';
import { differentiate } from '../../../src/ops/differentiate.ts';
import { meanSquaredError } from '../../../src/ops/mean-squared-error.ts';
import { logSoftmax, softmax } from '../../../src/ops/softmax.ts';
import { softmaxCrossEntropy } from '../../../src/ops/softmax-cross-entropy.ts';
import { scale } from '../../../src/ops/unary.ts';
import { evaluate, gradientError } from '../../support/gradient-check.ts';

const targets = (shape: readonly number[]) => input('targets', shape, 'i32');

describe('softmax', () => {
  it('and its logarithm have the right gradients', () => {
    for (const shape of [[1], [4], [3, 1], [2, 3, 7]]) {
      expect(gradientError(softmax(input('x', shape)))).toBeLessThan(1e-6);
      expect(gradientError(logSoftmax(input('x', shape)))).toBeLessThan(1e-6);
    }
  });

  it('gives probabilities, also for large logits', () => {
    const x = input('x', [2, 2]);
    const [a, b, c, d] = evaluate(softmax(x), { x: [1000, 1000, 0, Math.log(3)] });
    expect(a).toBeCloseTo(0.5, 12);
    expect(b).toBe(a);
    expect(c).toBeCloseTo(0.25, 15);
    expect(d).toBeCloseTo(0.75, 15);
    expect(evaluate(logSoftmax(x), { x: [0, -5000, 3, 3] })[1]).toBe(-5000);
  });

  it('refuses scalars and tokens', () => {
    expect(() => softmax(input('x', []), 'head/softmax')).toThrow(
      'head/softmax: input is a scalar [], expected [..., classes].',
    );
    expect(() => logSoftmax(input('x', [2], 'i32'))).toThrow('log-softmax: input is i32 [2]');
  });
});

describe('softmaxCrossEntropy', () => {
  it('has the right gradient, ignored rows included', () => {
    const loss = softmaxCrossEntropy(input('logits', [2, 3, 5]), targets([2, 3]));
    expect(gradientError(loss, { values: { targets: [0, 4, -100, 2, 2, 1] } })).toBeLessThan(1e-6);
    const single = softmaxCrossEntropy(input('logits', [1]), targets([]));
    expect(gradientError(single, { values: { targets: [0] } })).toBeLessThan(1e-6);
    const scaled = scale(
      softmaxCrossEntropy(input('logits', [3, 2]), targets([3]), { ignoreIndex: 0 }),
      2.5,
    );
    expect(gradientError(scaled, { values: { targets: [0, 1, 1] } })).toBeLessThan(1e-6);
  });

  it('is the mean over the rows that count', () => {
    const logits = input('logits', [2, 4]);
    const loss = softmaxCrossEntropy(logits, targets([2]));
    expect(loss.shape).toEqual([]);
    const zeros = new Array<number>(8).fill(0);
    const uniform = evaluate(loss, { logits: zeros, targets: [3, 0] });
    expect(uniform[0]).toBeCloseTo(Math.log(4), 15);
    const ignored = evaluate(loss, { logits: [9, 1, 1, 1, 0, 0, 0, 0], targets: [-100, 0] });
    expect(ignored[0]).toBeCloseTo(Math.log(4), 15);
  });

  it('is 0 with gradient 0 where every row is ignored', () => {
    const logits = input('logits', [2, 3]);
    const loss = softmaxCrossEntropy(logits, targets([2]));
    const [gradient] = differentiate(loss, [logits]);
    const values = { targets: [-100, -100] };
    expect(evaluate(loss, values)).toEqual([0]);
    expect(gradient && evaluate(gradient, values)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('names a target outside the classes', () => {
    const loss = softmaxCrossEntropy(input('logits', [2, 3]), targets([2]), {}, 'char/loss');
    expect(() => evaluate(loss, { targets: [0, 3] })).toThrow(
      'char/loss: target 3 of row 1 is outside 0 … 2 and not the ignored index -100.',
    );
    expect(() => evaluate(loss, { targets: [-1, 0] })).toThrow('target -1 of row 0');
  });

  it('says which shapes do not fit', () => {
    const logits = input('logits', [4, 2, 3]);
    expect(() => softmaxCrossEntropy(logits, targets([4, 3]), {}, 'char/loss')).toThrow(
      'char/loss: targets are i32 [4, 3], expected i32 [4, 2], one class per row of the logits [4, 2, 3].',
    );
    expect(() => softmaxCrossEntropy(logits, input('y', [4, 2]))).toThrow('targets are f32 [4, 2]');
    expect(() => softmaxCrossEntropy(input('logits', []), targets([]))).toThrow(
      'softmax-cross-entropy: logits is a scalar [], expected [..., classes].',
    );
    expect(() => softmaxCrossEntropy(logits, targets([4, 2]), { ignoreIndex: 0.5 })).toThrow(
      'softmax-cross-entropy: ignoreIndex is 0.5, expected a 32-bit integer such as -100.',
    );
  });
});

describe('meanSquaredError', () => {
  it('has the right gradients for both sides', () => {
    for (const shape of [[1], [3, 5], []]) {
      const loss = meanSquaredError(input('a', shape), input('b', shape));
      expect(gradientError(loss)).toBeLessThan(1e-6);
      expect(gradientError(scale(loss, -3))).toBeLessThan(1e-6);
    }
  });

  it('gives a known value', () => {
    const loss = meanSquaredError(input('a', [2, 2]), input('b', [2, 2]));
    expect(evaluate(loss, { a: [1, 2, 3, 4], b: [1, 1, 1, 1] })).toEqual([3.5]);
  });

  it('says which shapes do not fit', () => {
    expect(() => meanSquaredError(input('a', [2, 3]), input('b', [3]), 'head/loss')).toThrow(
      'head/loss: target is [3], expected [2, 3] like the prediction.',
    );
    expect(() => meanSquaredError(input('a', [2]), input('b', [2], 'i32'))).toThrow(
      'mean-squared-error: target is i32 [2]',
    );
  });
});
