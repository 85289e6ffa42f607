import type { Executable, RunOptions } from '../device/executable.ts';
import { decodeRecords, placeRecords, type RecordRange, type StepRecord } from './step-state.ts';

/**
 * Runs a plan that ends with `finish-step` once for each step of a range, and reads what these steps leave in the
 * history, in one submit.
 *
 * @throws {DeviceLostError} at once if the device is gone.
 */
export function runRecorded(
  executable: Executable,
  history: GPUBuffer,
  range: RecordRange,
  options: Pick<RunOptions, 'version'> = {},
): Promise<StepRecord[]> {
  const { first, end } = range;
  const places = placeRecords(history.size, range);
  return executable
    .runAndDownload(
      places.map((place) => ({ buffer: history, ...place })),
      { ...options, repeats: end - first },
    )
    .then((pieces) => decodeRecords(pieces, first));
}
