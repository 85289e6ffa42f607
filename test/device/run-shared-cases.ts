import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { requestDevice } from '../../src/device/request.ts';
import { type DeviceCase, runCases } from '../device-cases/case.ts';
import { logAdapter } from '../support/adapter-log.ts';

/** Defines a test per shared case, on Dawn. */
export function testSharedCases(cases: readonly DeviceCase[]): void {
  describe('cases that run in every runtime', () => {
    let device: Device;

    beforeAll(async () => {
      device = await requestDevice({ label: 'shared-cases' });
    });

    afterAll(() => {
      device.dispose();
    });

    it.for(cases.map((deviceCase) => [deviceCase.name, deviceCase] as const))(
      '%s',
      async ([, deviceCase], { skip }) => {
        const [result] = await runCases(device, [deviceCase]);
        if (result?.skipped !== undefined) {
          logAdapter(`NOT RUN: cases that need ${deviceCase.needs} (${result.skipped})`);
          skip(result.skipped);
        }
        if (result?.error !== undefined) throw new Error(result.error);
      },
    );

    it('are found', () => {
      expect(cases.length).toBeGreaterThan(4);
    });
  });
}
