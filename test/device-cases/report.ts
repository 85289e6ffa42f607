import { requestDevice } from '../../src/device/request.ts';
import { deviceCases } from './all.ts';
import { type CaseResult, runCases } from './case.ts';

/** What a runtime says after running every shared case on its own device. */
export interface CaseReport {
  readonly adapter: string;
  readonly software: boolean;
  readonly results: readonly CaseResult[];
}

/** Opens a device, runs every shared case on it and disposes it. */
export async function reportCases(): Promise<CaseReport> {
  using device = await requestDevice();
  const results = await runCases(device, deviceCases);
  return { adapter: device.describe(), software: device.info.software, results };
}
