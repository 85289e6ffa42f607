import { describe, expect, it } from 'vitest';
import { input } from '../../../src/graph/sources.ts';
import { dropout } from '../../../src/ops/dropout.ts';
import { square } from '../../../src/ops/unary.ts';
import { philox, philoxBlock, uniformAt } from '../../../src/random.ts';
import { evaluate, gradientError } from '../../support/gradient-check.ts';

function maskOf(rate: number, stream: number, context: { seed: number; step: number }): number[] {
  const size = 40_000;
  const x = input('x', [size]);
  return evaluate(dropout(x, { rate, stream }), { x: new Array<number>(size).fill(1) }, context);
}

describe('philox', () => {
  // The known answers that come with Random123 (kat_vectors, philox4x32 10).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('gives the known answer for counter %j', (counter, key, expected) => {
    expect(philoxBlock(counter, key)).toEqual(expected);
  });

  it('places index, step, stream and seed in counter and key', () => {
    const counter = { seed: 1, stream: 2, step: 3, index: 4 };
    expect(philox(counter)).toEqual(philoxBlock([4, 3, 2, 0], [1, 0xcaf357d1]));
    const words = philox({ ...counter, index: 1 });
    for (const word of [0, 1, 2, 3]) {
      const expected = ((words[word] as number) >>> 8) / 2 ** 24;
      expect(uniformAt({ ...counter, index: 4 + word })).toBe(expected);
    }
  });
});

describe('dropout', () => {
  const context = { seed: 11, step: 5 };

  it.each([0.1, 0.5, 0.9])('drops a share of %f and keeps the mean', (rate) => {
    const y = maskOf(rate, 3, context);
    const kept = 1 / (1 - rate);
    expect(y.every((value) => value === 0 || value === kept)).toBe(true);
    const dropped = y.filter((value) => value === 0).length / y.length;
    // Five standard deviations of a binomial share.
    expect(Math.abs(dropped - rate)).toBeLessThan(5 * Math.sqrt((rate * (1 - rate)) / y.length));
  });

  it('draws independent masks for neighbours, streams, steps and seeds', () => {
    const first = maskOf(0.5, 3, context);
    const others = [
      [...first.slice(1), 0],
      maskOf(0.5, 4, context),
      maskOf(0.5, 3, { ...context, step: 6 }),
      maskOf(0.5, 3, { ...context, seed: 12 }),
    ];
    for (const other of others) {
      const equal = first.filter((value, index) => value === other[index]).length / first.length;
      expect(Math.abs(equal - 0.5)).toBeLessThan(0.0125);
    }
    expect(maskOf(0.5, 3, context)).toEqual(first);
  });

  it('has the right gradient: the same mask again', () => {
    const y = dropout(square(input('x', [3, 7])), { rate: 0.4, stream: 9 });
    expect(gradientError(y, context)).toBeLessThan(1e-6);
    expect(gradientError(dropout(input('x', [1]), { rate: 0, stream: 9 }))).toBeLessThan(1e-6);
  });

  it('per sequence draws one mask for all time steps', () => {
    const x = input('x', [3, 2, 50]);
    const ones = { x: new Array<number>(300).fill(1) };
    const y = evaluate(dropout(x, { rate: 0.4, stream: 9, perSequence: true }), ones, context);
    expect([y.slice(100, 200), y.slice(200)]).toEqual([y.slice(0, 100), y.slice(0, 100)]);
    const single = dropout(input('x', [1, 2, 50]), { rate: 0.4, stream: 9 });
    expect(evaluate(single, { x: ones.x.slice(0, 100) }, context)).toEqual(y.slice(0, 100));
    const gradient = dropout(square(x), { rate: 0.4, stream: 9, perSequence: true });
    expect(gradientError(gradient, context)).toBeLessThan(1e-6);
    expect(() => dropout(input('v', [3]), { rate: 0.4, stream: 9, perSequence: true })).toThrow(
      'dropout: input is [3], expected [T, ...] for one mask per sequence. Leave perSequence out.',
    );
  });

  it('refuses rates and streams that are none', () => {
    const x = input('x', [2]);
    expect(() => dropout(x, { rate: 1, stream: 0 }, 'encoder/dropout')).toThrow(
      'encoder/dropout: rate is 1, expected 0 ≤ rate < 1.',
    );
    expect(() => dropout(x, { rate: Number.NaN, stream: 0 })).toThrow('rate is NaN');
    expect(() => dropout(x, { rate: 0.5, stream: -1 })).toThrow(
      'dropout: stream is -1, expected an integer from 0 to 4294967295, as streamOf() gives.',
    );
    expect(() => dropout(input('t', [2], 'i32'), { rate: 0.5, stream: 0 })).toThrow(
      'dropout: input is i32 [2]',
    );
  });
});
