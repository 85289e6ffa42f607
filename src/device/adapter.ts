import { DeviceError } from '../errors.ts';

/** Which kind of adapter to take. `auto` takes hardware where there is some, else software. */
export type AdapterChoice = 'auto' | 'hardware' | 'software';

/** Where the program runs. */
export type Runtime = 'browser' | 'node' | 'deno';

/** What is known of the adapter behind a device. Strings are empty where the platform hides them. */
export interface DeviceInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Whether the CPU does the work. */
  readonly software: boolean;
  readonly runtime: Runtime;
}

/** The limits that matter to compute, in WebGPU's names and units. */
export type DeviceLimits = Readonly<Record<LimitName, number>>;

/** Name of a limit in {@link DeviceLimits}. */
export type LimitName =
  | (typeof raisedLimits)[number]
  | 'minStorageBufferOffsetAlignment'
  | 'minUniformBufferOffsetAlignment';

/** Limits that a device is asked to raise to what its adapter offers. */
export const raisedLimits = [
  'maxBindGroups',
  'maxBindingsPerBindGroup',
  'maxStorageBuffersPerShaderStage',
  'maxUniformBuffersPerShaderStage',
  'maxUniformBufferBindingSize',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** Features that are switched on where the adapter has them. None is required. */
const optionalFeatures = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

/** What every WebGPU adapter must offer; less means that the platform fell back to something else. */
const leastLimits = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 128,
  maxStorageBufferBindingSize: 134_217_728,
} as const;

const softwareNames = /swiftshader|llvmpipe|lavapipe|softpipe|microsoft basic render|\bwarp\b/i;

/** Whether the adapter is the CPU in disguise. */
export function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || softwareNames.test(`${info.description} ${info.architecture}`);
}

/** What an adapter says of itself, as plain data. */
export function describeAdapter(info: GPUAdapterInfo | undefined, runtime: Runtime): DeviceInfo {
  return {
    vendor: info?.vendor ?? '',
    architecture: info?.architecture ?? '',
    description: info?.description ?? '',
    software: info !== undefined && isSoftwareAdapter(info),
    runtime,
  };
}

/** The limits of an adapter or device as plain data. */
export function readLimits(limits: GPUSupportedLimits): DeviceLimits {
  const names = [
    ...raisedLimits,
    'minStorageBufferOffsetAlignment',
    'minUniformBufferOffsetAlignment',
  ] as const;
  return Object.freeze(
    Object.fromEntries(names.map((name) => [name, limits[name]])),
  ) as DeviceLimits;
}

/**
 * Opens a device with the adapter's own limits and every optional feature it has.
 *
 * @throws {DeviceError} if the adapter is below WebGPU's minimum or refuses the request.
 */
export async function openDevice(adapter: GPUAdapter, label: string): Promise<GPUDevice> {
  const name = adapter.info.description || adapter.info.vendor || 'unnamed';
  for (const [limit, least] of Object.entries(leastLimits)) {
    const offered = adapter.limits[limit as keyof typeof leastLimits];
    if (offered < least) {
      throw new DeviceError(
        `requestDevice: adapter '${name}' offers ${limit} = ${offered}, WebGPU promises at least ` +
          `${least}. The platform has no usable driver; install one, or ask for adapter: 'software'.`,
      );
    }
  }
  const limits = readLimits(adapter.limits);
  try {
    return await adapter.requestDevice({
      label,
      requiredFeatures: optionalFeatures.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(raisedLimits.map((limit) => [limit, limits[limit]])),
    });
  } catch (cause) {
    throw new DeviceError(
      `requestDevice: adapter '${name}' refused a device with its own limits and features ` +
        `(${String(cause)}). Close other programs that use the GPU, or update its driver.`,
      { cause },
    );
  }
}
