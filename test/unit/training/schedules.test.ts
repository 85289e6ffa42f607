import { describe, expect, it } from 'vitest';
import { OptionError } from '../../../src/errors.ts';
import { PlateauController, type PlateauOptions } from '../../../src/training/plateau.ts';
import {
  constantRate,
  cosineDecay,
  type LearningRateSchedule,
  learningRateAt,
  parseSchedule,
  reduceOnPlateau,
  stepDecay,
  warmUp,
} from '../../../src/training/schedules.ts';
import fixture from '../../fixtures/schedules.json' with { type: 'json' };

interface TorchOptions {
  readonly name?: string;
  readonly step_size?: number;
  readonly gamma?: number;
  readonly T_max?: number;
  readonly eta_min?: number;
  readonly start_factor?: number;
  readonly total_iters?: number;
  readonly schedulers?: readonly TorchOptions[];
}

/** Our schedule for one of PyTorch's. */
function translate(name: string | undefined, options: TorchOptions): LearningRateSchedule {
  switch (name) {
    case 'StepLR':
      return stepDecay({ stepSize: options.step_size as number, gamma: options.gamma as number });
    case 'CosineAnnealingLR':
      return cosineDecay({
        totalSteps: options.T_max as number,
        minimum: options.eta_min as number,
      });
    case 'LinearLR':
      return warmUp({
        steps: options.total_iters as number,
        startFactor: options.start_factor as number,
      });
    case 'SequentialLR': {
      const [first, second] = options.schedulers as [TorchOptions, TorchOptions];
      const { warmUp: rise } = translate(first.name, first);
      return warmUp(rise as NonNullable<typeof rise>, translate(second.name, second));
    }
    default:
      throw new Error(`no counterpart of ${name}`);
  }
}

describe('schedules', () => {
  it.each(fixture.schedules)('$name $options as in PyTorch', ({ name, options, learningRates }) => {
    const schedule = translate(name, options as TorchOptions);
    for (const [step, expected] of learningRates.entries()) {
      const got = learningRateAt(schedule, fixture.baseLearningRate, step);
      expect(Math.abs(got - expected), `step ${step}`).toBeLessThan(1e-14);
    }
  });

  it('are plain data that can be read again', () => {
    const schedules = [
      constantRate(),
      stepDecay({ stepSize: 3 }),
      warmUp({ steps: 10 }, cosineDecay({ totalSteps: 7, minimum: 1e-4 })),
      warmUp({ steps: 5, startFactor: 0.5 }, reduceOnPlateau({ patience: 3 })),
    ];
    for (const schedule of schedules) {
      expect(parseSchedule(JSON.parse(JSON.stringify(schedule)))).toEqual(schedule);
    }
  });

  it.each<[string, () => unknown, string]>([
    [
      'no step size',
      () => stepDecay({} as never),
      'stepDecay: stepSize is NaN, expected a positive',
    ],
    [
      'a step size of 1.5',
      () => stepDecay({ stepSize: 1.5 }),
      'stepSize is 1.5, expected a positive',
    ],
    [
      'a gamma of 0',
      () => stepDecay({ stepSize: 1, gamma: 0 }),
      'gamma is 0, expected a number > 0',
    ],
    [
      'a negative minimum',
      () => cosineDecay({ totalSteps: 5, minimum: -1 }),
      'cosineDecay: minimum is -1',
    ],
    [
      'a factor above 1',
      () => warmUp({ steps: 3, startFactor: 2 }),
      'startFactor is 2, expected a',
    ],
    ['two warm-ups', () => warmUp({ steps: 3 }, warmUp({ steps: 2 })), 'has a warm-up already'],
    [
      'a factor of 1',
      () => reduceOnPlateau({ factor: 1 }),
      'reduceOnPlateau: factor is 1, expected',
    ],
    [
      'an odd mode',
      () => reduceOnPlateau({ mode: 'mid' as never }),
      "mode is 'mid', expected min or",
    ],
    [
      'an unknown kind',
      () => parseSchedule({ curve: { kind: 'x' } }),
      "kind is 'x', expected one of",
    ],
    [
      'an unknown option',
      () => parseSchedule({ curve: { kind: 'constant', gamma: 1 } }),
      "option 'gamma' is unknown",
    ],
  ])('%s is refused', (_, make, message) => {
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });
});

describe('reduce on plateau', () => {
  const rows = fixture.plateaus.map(({ options, metrics, learningRatesAfter }) => ({
    options: {
      mode: options.mode as 'min' | 'max',
      factor: options.factor,
      patience: options.patience,
      threshold: options.threshold,
      thresholdMode: options.threshold_mode as 'rel' | 'abs',
      cooldown: options.cooldown,
      minimum: options.min_lr,
      epsilon: options.eps,
    } satisfies PlateauOptions,
    metrics,
    learningRatesAfter,
  }));

  it.each(rows)('$options as in PyTorch', ({ options, metrics, learningRatesAfter }) => {
    const base = fixture.baseLearningRate;
    const plateau = reduceOnPlateau(options).plateau as Required<PlateauOptions>;
    let controller = new PlateauController(plateau, base);
    for (const [index, metric] of metrics.entries()) {
      const before = controller.scale;
      const changed = controller.observe(metric);
      expect(changed).toBe(controller.scale !== before);
      const expected = learningRatesAfter[index] as number;
      expect(controller.scale * base, `observation ${index}`).toBeCloseTo(expected, 14);
      // What a checkpoint keeps is enough to go on.
      const state = JSON.parse(JSON.stringify(controller.state));
      controller = new PlateauController(plateau, base, state);
    }
  });
});
