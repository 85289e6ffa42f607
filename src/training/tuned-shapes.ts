import type { Device } from '../device/device.ts';
import type { ShapeSource } from '../graph/tunable.ts';
import { useTunings } from '../tuning/shape-source.ts';
import { checkTuning, type Tuning } from '../tuning/tuning.ts';

/**
 * The source of shapes for a device; undefined where no tuning is given.
 *
 * @throws {FileFormatError} if a tuning is none, or of another version.
 */
export function chooseShapes(
  device: Device,
  tuning: Tuning | readonly Tuning[] | undefined,
): ShapeSource | undefined {
  if (tuning === undefined) return undefined;
  const given = Array.isArray(tuning) ? (tuning as readonly Tuning[]) : [tuning as Tuning];
  return useTunings(
    given.map((value) => checkTuning(value)),
    device.info,
  );
}
