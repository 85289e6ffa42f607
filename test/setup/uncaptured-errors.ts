import { globals } from 'webgpu';

/**
 * Watches every device that a test opens in Node, through Gatefold or not. An error that nobody
 * captured belongs to the test that caused it; vitest alone would not notice.
 */

interface Watched {
  readonly devices: Set<GPUDevice>;
  readonly errors: string[];
}

/** One list for a process, however often this module is loaded. */
const key = Symbol.for('gatefold.test.uncaptured-errors');
const scope = globalThis as { [key]?: Watched };

function watchDevices(): Watched {
  const watched: Watched = { devices: new Set(), errors: [] };
  const { prototype } = (globals as { GPUAdapter: { prototype: GPUAdapter } }).GPUAdapter;
  const { requestDevice } = prototype;
  prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    watched.devices.add(device);
    device.addEventListener('uncapturederror', ({ error }) => watched.errors.push(error.message));
    void device.lost.then(() => watched.devices.delete(device));
    return device;
  };
  return watched;
}

scope[key] ??= watchDevices();
const watched = scope[key];

/** Waits until every device has reported, then returns the errors nobody captured and forgets them. */
export async function takeUncapturedErrors(): Promise<readonly string[]> {
  for (const device of watched.devices) {
    device.pushErrorScope('validation');
    await device.popErrorScope().catch(() => null);
  }
  return watched.errors.splice(0);
}
