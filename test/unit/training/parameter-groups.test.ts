import { describe, expect, it } from 'vitest';
import { linear, tanh } from '../../../src/layers/basic.ts';
import { sequential } from '../../../src/layers/model.ts';
import { batches } from '../../../src/training/data.ts';
import type { Optimizer } from '../../../src/training/optimizer.ts';
import { adam, adamw } from '../../../src/training/optimizer-adam.ts';
import { rmsprop } from '../../../src/training/optimizer-rmsprop.ts';
import { sgd } from '../../../src/training/optimizer-sgd.ts';
import { makeOptimizer } from '../../../src/training/optimizers.ts';
import { type ParameterGroup, ParameterGroups } from '../../../src/training/parameter-groups.ts';
import { Trainer } from '../../../src/training/trainer.ts';

/** Three updates of one parameter from fixed gradients. */
function updated(optimizer: Optimizer, parameter: string, rateScale = 1): number[] {
  const values = Float64Array.of(0.5, -1, 2);
  const moments = optimizer.moments.map(() => new Float64Array(3));
  for (let step = 1; step <= 3; step++) {
    const gradients = values.map((value, at) => Math.sin(3 * at + step) + value);
    const learningRate = optimizer.learningRate * rateScale;
    optimizer.update(values, gradients, moments, { step, learningRate, parameter });
  }
  return [...values];
}

describe('parameter groups', () => {
  it.each([sgd, adam, adamw, rmsprop])('$name gives each group its own settings', (make) => {
    const base = { learningRate: 0.1, weightDecay: 0.3 };
    const grouped = make({
      ...base,
      parameterGroups: [
        { match: 'bias', weightDecay: 0 },
        { match: '.l1', learningRateScale: 2 },
      ],
    });
    const without = make({ ...base, weightDecay: 0 });
    const names = ['lstm.bias_ih_l0', 'x.l1.weight', 'lstm.weight_hh_l0'] as const;
    const [bias, layer, rest] = names.map((name) => updated(grouped, name));
    expect(bias).toEqual(updated(without, 'w'));
    expect(layer).toEqual(updated(make(base), 'w', 2));
    expect(rest).toEqual(updated(make(base), 'w'));
    expect(rest).not.toEqual(bias);
  });

  it('match parts of names, any of a list, and expressions; the first group wins', () => {
    const groups: readonly ParameterGroup[] = [
      { match: ['bias', /^norm/], weightDecay: 1 },
      { match: /_L0$/i, weightDecay: 2 },
      { match: '/w.*_l[12]$/', weightDecay: 3 },
    ];
    const parsed = new ParameterGroups('sgd', groups, 9);
    const decays = [
      'a.bias_l0',
      'norm.weight',
      'a.weight_l0',
      'a.weight_l2',
      'a.weight',
      'a|bias',
    ].map((name) => parsed.settingsOf(name).weightDecay);
    expect(decays).toEqual([1, 1, 2, 3, 9, 1]);
    // A dot is a dot in a text.
    const dotted = new ParameterGroups('sgd', [{ match: 'a.b', weightDecay: 0 }], 9);
    expect([dotted.settingsOf('a.b'), dotted.settingsOf('axb')].map((x) => x.weightDecay)).toEqual([
      0, 9,
    ]);
  });

  it('are plain data in the options, from which the optimizer can be made again', () => {
    const parameterGroups = [{ match: [/bias/g, 'norm'], weightDecay: 0 }, { match: /a\/b/i }];
    const { name, options } = adamw({ parameterGroups });
    const stored = JSON.parse(JSON.stringify(options));
    expect(stored.parameterGroups).toEqual([
      { match: ['/bias/g', 'norm'], weightDecay: 0 },
      { match: '/a\\/b/i' },
    ]);
    const again = makeOptimizer(name, stored);
    expect(again.options).toEqual(options);
    expect(again.groups.settingsOf('x.bias').weightDecay).toBe(0);
    expect(again.groups.settingsOf('x.A/B')).toEqual({
      patterns: [expect.any(RegExp)],
      weightDecay: 0.01,
      learningRateScale: 1,
    });
    expect(JSON.stringify(sgd({ parameterGroups: [] }).options)).toBe(
      JSON.stringify(sgd().options),
    );
  });

  it.each<[unknown, string]>([
    [
      'bias',
      "sgd: parameterGroups is 'bias', expected a list of { match, weightDecay, learningRateScale }.",
    ],
    [
      [null],
      'sgd: parameterGroups[0] is null, expected { match, weightDecay, learningRateScale }.',
    ],
    [
      [{ match: 'a', lr: 1 }],
      "sgd: parameterGroups[0] has 'lr', expected match, weightDecay, learningRateScale. Correct or remove it.",
    ],
    [
      [{ weightDecay: 0 }],
      "sgd: parameterGroups[0].match is undefined, expected a part of a parameter's name",
    ],
    [
      [{ match: '' }],
      "sgd: parameterGroups[0].match is '', expected a part of a parameter's name such as 'bias'",
    ],
    [
      [{ match: '/(/' }],
      "sgd: parameterGroups[0].match is '/(/', expected an expression: Invalid regular",
    ],
    [
      [{ match: 'a' }, { match: 'b', weightDecay: -1 }],
      'sgd: parameterGroups[1].weightDecay is -1, expected a number >= 0.',
    ],
    [
      [{ match: 'a', learningRateScale: Number.NaN }],
      'sgd: parameterGroups[0].learningRateScale is NaN, expected a number >= 0.',
    ],
  ])('%j is refused', (parameterGroups, message) => {
    expect(() => sgd({ parameterGroups: parameterGroups as never })).toThrow(message);
  });

  it('that match nothing are refused by the trainer, with the names there are', async () => {
    const data = batches({
      input: { values: Float32Array.of(1, 2), shape: [2, 1, 1] },
      target: { values: Float32Array.of(3, 4), shape: [2, 1, 1] },
    });
    const create = (parameterGroups: readonly ParameterGroup[]) =>
      Trainer.create({
        device: 'reference',
        model: sequential([linear(2), tanh(), linear(1)]),
        data,
        loss: 'mean-squared-error',
        optimizer: adamw({ parameterGroups }),
      });
    await expect(create([{ match: 'bais' }])).rejects.toThrow(
      'adamw: parameterGroups[0] matches no parameter that is not in a group before it, expected at least one ' +
        'of linear.weight, linear.bias, linear_1.weight, linear_1.bias. Correct its match, or remove it.',
    );
    await expect(create([{ match: 'linear' }, { match: 'bias' }])).rejects.toThrow(
      'adamw: parameterGroups[1] matches no parameter',
    );
    const trainer = await create([{ match: '_1' }, { match: 'bias', weightDecay: 0 }]);
    await trainer.dispose();
  });
});
