import { afterAll, beforeAll, expect } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { type DeviceOptions, requestDevice } from '../../src/device/request.ts';

/**
 * A device for the tests of one file: opened before the first, disposed after the last, when none of
 * its buffers may be left. Call it at the top of the file or of a `describe`.
 *
 * @returns A function that gives the device inside a test.
 */
export function useDevice(options: DeviceOptions = {}): () => Device {
  let device: Device | undefined;
  beforeAll(async () => {
    device = await requestDevice({ label: 'test', ...options });
  });
  afterAll(() => {
    const left = device?.liveBuffers;
    device?.dispose();
    expect(left, 'buffers alive after the tests of this file').toBe(0);
  });
  return () => {
    if (!device) throw new Error('useDevice: call the function inside a test.');
    return device;
  };
}
