import { requestDevice } from '../../src/device/request.ts';
import { deviceCases } from './all.ts';
import { type CaseResult, runCases } from './case.ts';

/** What a runtime says after running every shared case on its own device. */
export interface CaseReport {
  readonly adapter: string;
  readonly software: boolean;
  readonly results: readonly CaseResult[];
}

/** Opens a device, runs the shared cases whose names begin with `group` on it and disposes it. */
export async function reportCases(group = ''): Promise<CaseReport> {
  using device = await requestDevice();
  const cases = deviceCases.filter(({ name }) => name.startsWith(group));
  const results = await runCases(device, cases);
  return { adapter: device.describe(), software: device.info.software, results };
}
