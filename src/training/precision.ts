import type { Device } from '../device/device.ts';
import { OptionError } from '../errors.ts';
import type { Precision } from '../graph/operator.ts';
import { show } from './options.ts';

/** @throws {OptionError} for a precision that is none, or that the device does not have. */
export function checkPrecision(
  where: string,
  device: Device | 'reference',
  precision: Precision = 'f32',
): Precision {
  if (precision === 'f32') return precision;
  if (precision !== 'f16') {
    throw new OptionError(`${where}: precision is ${show(precision)}, expected 'f32' or 'f16'.`);
  }
  if (device === 'reference') {
    throw new OptionError(
      `${where}: precision is 'f16' on the reference, which computes in float64, expected 'f32'. ` +
        'Leave precision out, or use a device.',
    );
  }
  if (device.features.has('shader-f16')) return precision;
  throw new OptionError(
    `${where}: precision is 'f16' and '${device.describe()}' has no half precision, expected a device with ` +
      "the feature 'shader-f16'. Use precision: 'f32', or request a device on another adapter.",
  );
}
