import { requestDevice } from '../../src/device/request.ts';
import { type CaseSelection, selectCases } from './all.ts';
import { type CaseResult, runCases } from './case.ts';

/** What a runtime says after running shared cases on its own device. */
export interface CaseReport {
  readonly adapter: string;
  readonly software: boolean;
  readonly results: readonly CaseResult[];
}

/**
 * Opens a device, runs shared cases on it and disposes it.
 *
 * @param part - `k/n`: only every nth of them, from the kth on. Default all.
 */
export async function reportCases(selection: CaseSelection, part = '0/1'): Promise<CaseReport> {
  const [first = 0, step = 1] = part.split('/').map(Number);
  using device = await requestDevice();
  const cases = selectCases(selection).filter((_, index) => index % step === first);
  const results = await runCases(device, cases);
  return { adapter: device.describe(), software: device.info.software, results };
}
