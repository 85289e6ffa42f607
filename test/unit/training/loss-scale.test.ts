import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/device/device.ts';
import { OptionError } from '../../../src/errors.ts';
import {
  decodeLossScale,
  encodeLossScale,
  isLossScale,
  parseLossScale,
} from '../../../src/training/loss-scale.ts';
import { checkPrecision } from '../../../src/training/precision.ts';

describe('the loss scale', () => {
  it('begins at 65536 and doubles after 2000 steps unless told otherwise', () => {
    expect(parseLossScale(undefined, 'f16')).toEqual({ initial: 65_536, growthSteps: 2000 });
    expect(parseLossScale({ initial: 2 ** -14, growthSteps: 1 }, 'f16')).toEqual({
      initial: 2 ** -14,
      growthSteps: 1,
    });
    expect(parseLossScale(undefined, 'f32')).toBeUndefined();
  });

  it('survives encoding', () => {
    const state = { factor: 2 ** 13, goodSteps: 1999 };
    expect(decodeLossScale(encodeLossScale(state))).toEqual(state);
  });

  it.each([1000, 0, -2, 2 ** 25, 2 ** -15, Number.NaN, Number.POSITIVE_INFINITY, '2', null])(
    'is not %s',
    (value) => {
      expect(isLossScale(value)).toBe(false);
    },
  );

  it('is refused by what is wrong with it', () => {
    const parse = (options: object, precision: 'f16' | 'f32' = 'f16') =>
      expect(() => parseLossScale(options, precision));
    parse({ initial: 1000 }).toThrow(
      'Trainer: lossScale.initial is 1000, expected a power of two from 2^-14 to 2^24. Leave it out to ' +
        'begin at 65536.',
    );
    parse({ growthSteps: 0 }).toThrow(
      'Trainer: lossScale.growthSteps is 0, expected a positive integer below 2^31.',
    );
    parse({}, 'f32').toThrow(
      "Trainer: lossScale is given and precision is 'f32', expected none: float32 gradients need no " +
        "scaling. Leave lossScale out, or set precision: 'f16'.",
    );
  });
});

describe('the precision', () => {
  const without = { features: new Set(), describe: () => 'SwiftShader' } as unknown as Device;
  const having = { features: new Set(['shader-f16']) } as unknown as Device;

  it('is f32, or f16 where the device has it', () => {
    expect(checkPrecision('Trainer', 'reference')).toBe('f32');
    expect(checkPrecision('Trainer', without, 'f32')).toBe('f32');
    expect(checkPrecision('Trainer', having, 'f16')).toBe('f16');
  });

  it('is refused by what is wrong with it', () => {
    const check = (device: Device | 'reference', precision: string) =>
      expect(() => checkPrecision('load', device, precision as 'f16'));
    check(without, 'f16').toThrow(OptionError);
    check(without, 'f16').toThrow(
      "load: precision is 'f16' and 'SwiftShader' has no half precision, expected a device with the " +
        "feature 'shader-f16'. Use precision: 'f32', or request a device on another adapter.",
    );
    check('reference', 'f16').toThrow(
      "load: precision is 'f16' on the reference, which computes in float64, expected 'f32'. Leave " +
        'precision out, or use a device.',
    );
    check(having, 'f8').toThrow("load: precision is 'f8', expected 'f32' or 'f16'.");
  });
});
