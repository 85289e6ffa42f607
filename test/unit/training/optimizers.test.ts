import { describe, expect, it } from 'vitest';
import { OptionError } from '../../../src/errors.ts';
import { clipGradients, parseClipping } from '../../../src/training/clipping.ts';
import { adam, adamw } from '../../../src/training/optimizer-adam.ts';
import { rmsprop } from '../../../src/training/optimizer-rmsprop.ts';
import { sgd } from '../../../src/training/optimizer-sgd.ts';
import { makeOptimizer, optimizers } from '../../../src/training/optimizers.ts';
import fixture from './optimizers.json' with { type: 'json' };

function names({ optimizer, options }: { optimizer: string; options: object }): string {
  return `${optimizer} ${JSON.stringify(options)}`;
}

describe('the float64 update', () => {
  it.each(fixture.cases.map((entry) => [names(entry), entry] as const))('%s', (_, entry) => {
    const optimizer = makeOptimizer(entry.optimizer, entry.options);
    const parameters = Float64Array.from(fixture.initial);
    const moments = optimizer.moments.map(() => new Float64Array(parameters.length));
    for (const [index, expected] of entry.parameters.entries()) {
      const gradients = Float64Array.from(fixture.gradients[index] as number[]);
      optimizer.update(parameters, gradients, moments, {
        step: index + 1,
        learningRate: optimizer.learningRate * (fixture.rates[index] as number),
        parameter: 'weights',
      });
      for (const [at, value] of expected.entries()) {
        const got = parameters[at] as number;
        // PyTorch's float64 in another order of operations.
        expect(Math.abs(got - value), `step ${index}, element ${at}`).toBeLessThan(1e-14);
      }
    }
  });

  it('covers every optimizer', () => {
    const covered = new Set(fixture.cases.map(({ optimizer }) => optimizer));
    expect([...covered].sort()).toEqual(Object.keys(optimizers).sort());
  });
});

describe('clipping', () => {
  it.each(fixture.clipping)('as PyTorch does it: $options', ({ options, gradients }) => {
    const given = fixture.gradients[0] as number[];
    const parts = [Float64Array.from(given.slice(0, 3)), Float64Array.from(given.slice(3))];
    const norm = clipGradients(parts, parseClipping(options));
    expect(norm).toBeCloseTo(Math.hypot(...given), 12);
    const got = parts.flatMap((part) => [...part]);
    for (const [index, value] of gradients.entries()) expect(got[index]).toBeCloseTo(value, 14);
  });

  it('is by norm or by value, and positive', () => {
    expect(parseClipping({})).toEqual({});
    expect(() => parseClipping({ clipNorm: 1, clipValue: 2 })).toThrow(
      'clipNorm is 1 and clipValue is 2, expected one of the two. Remove one.',
    );
    expect(() => parseClipping({ clipNorm: 0 })).toThrow(
      'clipping: clipNorm is 0, expected a number > 0.',
    );
    expect(() => parseClipping({ clipValue: Number.POSITIVE_INFINITY })).toThrow(OptionError);
  });
});

describe('options', () => {
  it.each<[string, () => unknown, string]>([
    [
      'an unknown one',
      () => sgd({ lr: 1 } as never),
      "sgd: option 'lr' is unknown, expected learn",
    ],
    ['a negative rate', () => adam({ learningRate: -1 }), 'adam: learningRate is -1, expected'],
    ['a rate that is NaN', () => adam({ learningRate: Number.NaN }), 'learningRate is NaN'],
    [
      'a beta of 1',
      () => adamw({ betas: [0.9, 1] }),
      'adamw: betas[1] is 1, expected a number from',
    ],
    [
      'one beta',
      () => adamw({ betas: [0.9] as never }),
      'adamw: betas is [0.9], expected two numbers',
    ],
    ['amsgrad', () => adam({ amsgrad: true as never }), 'adam: amsgrad is true, expected false'],
    [
      'nesterov alone',
      () => sgd({ nesterov: true }),
      'sgd: nesterov with momentum 0 and dampening 0',
    ],
    [
      'nesterov with dampening',
      () => sgd({ nesterov: true, momentum: 0.9, dampening: 0.1 }),
      'momentum 0.9 and dampening 0.1, expected momentum > 0 and dampening 0',
    ],
    [
      'a flag that is none',
      () => rmsprop({ centered: 1 as never }),
      'centered is 1, expected true or',
    ],
    ['alpha above 1', () => rmsprop({ alpha: 1.1 }), 'alpha is 1.1, expected a number from 0 to 1'],
    ['a string', () => rmsprop({ epsilon: '1' as never }), "rmsprop: epsilon is '1', expected a"],
    [
      'an unknown optimizer',
      () => makeOptimizer('adma'),
      "optimizer is 'adma', expected one of sgd",
    ],
    [
      'a name of Object',
      () => makeOptimizer('toString'),
      "optimizer is 'toString', expected one of",
    ],
  ])('%s is refused', (_, make, message) => {
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });

  it('are kept with their defaults, so that the optimizer can be made again', () => {
    const optimizer = adamw({ learningRate: 2e-3, epsilon: undefined });
    expect(optimizer.options).toEqual({
      learningRate: 2e-3,
      betas: [0.9, 0.999],
      epsilon: 1e-8,
      weightDecay: 0.01,
      amsgrad: false,
    });
    const again = makeOptimizer(optimizer.name, JSON.parse(JSON.stringify(optimizer.options)));
    expect(again.options).toEqual(optimizer.options);
    expect(adam().options).toMatchObject({ weightDecay: 0 });
  });

  it('decide which moments are kept', () => {
    expect(sgd().moments).toEqual([]);
    expect(sgd({ momentum: 0.9 }).moments).toEqual(['momentum_buffer']);
    expect(adam().moments).toEqual(['exp_avg', 'exp_avg_sq']);
    expect(rmsprop({ momentum: 0.9, centered: true }).moments).toEqual([
      'square_avg',
      'momentum_buffer',
      'grad_avg',
    ]);
  });
});
