import { Option } from 'commander';
import type { AdapterChoice } from '../device/adapter.ts';
import type { Device } from '../device/device.ts';
import { requestDevice } from '../device/request.ts';

/** Where a model runs: on an adapter of some kind, or on the float64 reference. */
export type DeviceChoice = AdapterChoice | 'reference';

const choices: readonly DeviceChoice[] = ['auto', 'hardware', 'software', 'reference'];

/** The option `--device`; absent means what GATEFOLD_ADAPTER says, else auto. */
export function makeDeviceOption(): Option {
  return new Option(
    '--device <kind>',
    'adapter: auto takes a GPU where there is one, else software; reference computes in float64 ' +
      'on the CPU without WebGPU (default: GATEFOLD_ADAPTER, else auto)',
  ).choices([...choices]);
}

/** A device or the reference, with its name for messages. Dispose it when done. */
export interface OpenDevice extends Disposable {
  readonly device: Device | 'reference';
  /** For example `SwiftShader … (software) on Dawn/Node`. */
  readonly description: string;
}

/**
 * Opens what `--device` asks for.
 *
 * @throws {DeviceError} if there is no such adapter.
 */
export async function openDevice(choice: DeviceChoice | undefined): Promise<OpenDevice> {
  if (choice === 'reference') {
    const description = 'float64 reference on the CPU, without WebGPU';
    return { device: choice, description, [Symbol.dispose]: () => undefined };
  }
  const device = await requestDevice(choice === undefined ? {} : { adapter: choice });
  return {
    device,
    description: device.describe(),
    [Symbol.dispose]: () => device.dispose(),
  };
}
