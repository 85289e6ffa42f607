import { DeviceError, OptionError } from '../errors.ts';
import {
  type AdapterChoice,
  describeAdapter,
  isSoftwareAdapter,
  openDevice,
  type Runtime,
} from './adapter.ts';
import { Device } from './device.ts';

/** What to ask of {@link requestDevice}. */
export interface DeviceOptions {
  /** Default: the environment variable `GATEFOLD_ADAPTER`, else `auto`. */
  readonly adapter?: AdapterChoice;
  readonly powerPreference?: GPUPowerPreference;
  /** A device of your own to work on. It is never destroyed by Gatefold. */
  readonly device?: GPUDevice;
  /** Label of the GPU device in error messages and profilers. Default `gatefold`. */
  readonly label?: string;
}

const choices: readonly AdapterChoice[] = ['auto', 'hardware', 'software'];

/**
 * Opens a WebGPU device in a browser page or worker, in Node (through the optional package `webgpu`)
 * or in Deno. Its limits are those of the adapter; `shader-f16`, `subgroups` and `timestamp-query`
 * are on where the adapter has them. Where Node finds no GPU, the software adapter out of the
 * optional package `@sparticuz/chromium` is taken (Linux x64).
 *
 * @throws {DeviceError} if there is no adapter of the kind asked for; the message says what to do.
 * @throws {OptionError} if an option is none of those listed.
 */
export async function requestDevice(options: DeviceOptions = {}): Promise<Device> {
  const runtime = detectRuntime();
  const label = options.label ?? 'gatefold';
  if (options.device) {
    const info = describeAdapter(options.device.adapterInfo, runtime);
    return new Device({ gpu: options.device, info, ownsDevice: false });
  }
  const choice = options.adapter ?? readEnvironment('GATEFOLD_ADAPTER', runtime) ?? 'auto';
  if (!isAdapterChoice(choice)) {
    throw new OptionError(
      `requestDevice: adapter is '${choice}' (option adapter or variable GATEFOLD_ADAPTER), ` +
        `expected one of ${choices.join(', ')}.`,
    );
  }
  const adapter = await requestAdapter(choice, options.powerPreference, runtime);
  const gpu = await openDevice(adapter, label);
  return new Device({ gpu, info: describeAdapter(adapter.info, runtime), ownsDevice: true });
}

async function requestAdapter(
  choice: AdapterChoice,
  powerPreference: GPUPowerPreference | undefined,
  runtime: Runtime,
): Promise<GPUAdapter> {
  const preference = powerPreference === undefined ? {} : { powerPreference };
  const gpu = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (gpu) return requestWebAdapter(gpu, choice, preference, runtime);
  if (runtime === 'node') {
    const { requestNodeAdapter } = await import('./node.ts');
    return requestNodeAdapter(choice, preference);
  }
  throw new DeviceError(
    runtime === 'deno'
      ? 'requestDevice: this Deno has no navigator.gpu. Use Deno 2 or later.'
      : 'requestDevice: this browser has no navigator.gpu. Use a browser with WebGPU (Chrome or ' +
          'Edge 113, Safari 26, Firefox 141 or later), over https or from localhost.',
  );
}

async function requestWebAdapter(
  gpu: GPU,
  choice: AdapterChoice,
  preference: GPURequestAdapterOptions,
  runtime: Runtime,
): Promise<GPUAdapter> {
  let adapter: GPUAdapter | null = null;
  if (choice !== 'software') adapter = await gpu.requestAdapter(preference);
  if (choice === 'software' || (choice === 'auto' && adapter === null)) {
    adapter = await gpu.requestAdapter({ ...preference, forceFallbackAdapter: true });
  }
  const software = adapter !== null && isSoftwareAdapter(adapter.info);
  if (adapter === null || (choice !== 'auto' && software !== (choice === 'software'))) {
    const got = adapter === null ? 'no adapter' : `'${adapter.info.description}'`;
    throw new DeviceError(
      `requestDevice: asked for ${choice === 'auto' ? 'any' : `a ${choice}`} adapter, got ${got}. ` +
        (runtime === 'deno'
          ? 'Deno needs a Vulkan, Metal or D3D12 driver; on Linux install the GPU vendor’s driver, ' +
            'or point VK_DRIVER_FILES and LD_LIBRARY_PATH at SwiftShader before Deno starts.'
          : 'Update the graphics driver and the browser, and see chrome://gpu.'),
    );
  }
  return adapter;
}

function detectRuntime(): Runtime {
  const scope = globalThis as { Deno?: unknown; process?: { versions?: { node?: string } } };
  if (scope.Deno !== undefined) return 'deno';
  return scope.process?.versions?.node === undefined ? 'browser' : 'node';
}

/** The value of an environment variable; absent in browsers and where Deno would have to ask. */
function readEnvironment(variable: string, runtime: Runtime): string | undefined {
  if (runtime === 'browser') return undefined;
  if (runtime === 'node') return process.env[variable] || undefined;
  const { Deno } = globalThis as unknown as {
    Deno: {
      permissions: { querySync(query: object): { state: string } };
      env: { get(name: string): string | undefined };
    };
  };
  const { state } = Deno.permissions.querySync({ name: 'env', variable });
  return state === 'granted' ? Deno.env.get(variable) || undefined : undefined;
}

function isAdapterChoice(choice: string): choice is AdapterChoice {
  return (choices as readonly string[]).includes(choice);
}
