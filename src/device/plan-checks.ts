import { DeviceError, OptionError, OutOfMemoryError, ShapeError } from '../errors.ts';
import type {
  BindingDescription,
  KernelDescription,
  PartDescription,
} from '../kernels/description.ts';
import type { BufferView, Launch, Plan, PlanBuffer } from '../schedule/plan.ts';
import type { DeviceLimits } from './adapter.ts';
import { formatBytes } from './core.ts';

/** Kernels by name. */
export type KernelRegistry = Readonly<Record<string, KernelDescription>>;

/** What cells bring to a kernel, by the cell's name. */
export type CellRegistry = Readonly<Record<string, PartDescription>>;

/** @throws {DeviceError} if the registry has no such cell. */
export function findCell(
  cells: CellRegistry,
  { cell, label }: Launch,
): PartDescription | undefined {
  if (cell === undefined) return undefined;
  const part = cells[cell];
  if (part) return part;
  throw new DeviceError(
    `launch '${label}': there is no cell '${cell}'; the registry has ` +
      `${Object.keys(cells).join(', ') || 'none'}. Run npm run generate after adding a cell.`,
  );
}

/** @throws {DeviceError} if the registry has no such kernel. */
export function findKernel(kernels: KernelRegistry, launch: Launch): KernelDescription {
  const kernel = kernels[launch.kernel];
  if (kernel) return kernel;
  throw new DeviceError(
    `launch '${launch.label}': there is no kernel '${launch.kernel}'; the registry has ` +
      `${Object.keys(kernels).join(', ') || 'none'}. Run npm run generate after adding a shader.`,
  );
}

/**
 * Checks a launch against its kernel and the adapter before WebGPU does, since here it is known what
 * everything is called.
 *
 * @throws {DeviceError} if its bindings, views or workgroups do not fit.
 * @throws {OutOfMemoryError} if a view is larger than the adapter can bind.
 */
export function checkLaunch(
  plan: Plan,
  launch: Launch,
  kernel: KernelDescription,
  limits: DeviceLimits,
): void {
  for (const name of Object.keys(launch.bindings)) {
    if (!kernel.bindings[name]) {
      throw new DeviceError(
        `launch '${launch.label}': binds '${name}', kernel '${kernel.name}' has ` +
          `${Object.keys(kernel.bindings).join(', ')}. Bind by the names in its WGSL.`,
      );
    }
  }
  const writers = new Map<number, string>();
  for (const [name, binding] of Object.entries(kernel.bindings)) {
    const view = launch.bindings[name];
    if (!view) {
      throw new DeviceError(
        `launch '${launch.label}': binding '${name}' of kernel '${kernel.name}' has no buffer. ` +
          'Bind every name in its WGSL.',
      );
    }
    checkView(plan, launch, name, binding, view, limits);
    if (binding.access === 'read_write') writers.set(view.buffer, name);
  }
  for (const [name, view] of Object.entries(launch.bindings)) {
    const writer = writers.get(view.buffer);
    if (writer !== undefined && kernel.bindings[name]?.access === 'read') {
      throw new DeviceError(
        `launch '${launch.label}': buffer '${plan.buffers[view.buffer]?.label}' is bound for reading ` +
          `as '${name}' and for writing as '${writer}'. One dispatch may not do both, whatever the ` +
          'ranges: place them in different buffers.',
      );
    }
  }
  checkWorkgroups(launch, limits);
}

function checkView(
  plan: Plan,
  launch: Launch,
  name: string,
  binding: BindingDescription,
  view: BufferView,
  limits: DeviceLimits,
): void {
  const where = `launch '${launch.label}', binding '${name}'`;
  const uniform = binding.kind === 'uniform';
  const alignment = uniform
    ? limits.minUniformBufferOffsetAlignment
    : limits.minStorageBufferOffsetAlignment;
  const most = uniform ? limits.maxUniformBufferBindingSize : limits.maxStorageBufferBindingSize;
  const buffer = plan.buffers[view.buffer];
  if (!buffer) {
    throw new DeviceError(
      `${where}: buffer index ${view.buffer}, the plan '${plan.name}' has ${plan.buffers.length}.`,
    );
  }
  if (view.offsetBytes % alignment !== 0 || view.bytes % 4 !== 0 || view.bytes <= 0) {
    throw new DeviceError(
      `${where}: ${view.bytes} bytes at offset ${view.offsetBytes} of '${buffer.label}', expected ` +
        `an offset that is a multiple of ${alignment} and a positive multiple of 4 bytes.`,
    );
  }
  if (view.offsetBytes < 0 || view.offsetBytes + view.bytes > roundUp(buffer.bytes)) {
    throw new DeviceError(
      `${where}: ${view.bytes} bytes at offset ${view.offsetBytes} exceed buffer '${buffer.label}' ` +
        `of ${buffer.bytes} bytes.`,
    );
  }
  if (view.bytes > most) {
    const limit = uniform ? 'maxUniformBufferBindingSize' : 'maxStorageBufferBindingSize';
    throw new OutOfMemoryError(
      `${where}: binds ${formatBytes(view.bytes)} of '${buffer.label}', this adapter allows at most ` +
        `${formatBytes(most)} (${limit}). Use a smaller model, batch or number of steps.`,
    );
  }
}

function checkWorkgroups({ label, workgroups }: Launch, limits: DeviceLimits): void {
  const most = limits.maxComputeWorkgroupsPerDimension;
  if (workgroups.every((count) => Number.isInteger(count) && count >= 1 && count <= most)) return;
  throw new DeviceError(
    `launch '${label}': workgroups are [${workgroups.join(', ')}], expected integers from 1 to ` +
      `${most} (maxComputeWorkgroupsPerDimension). Use a smaller batch or number of steps.`,
  );
}

/**
 * The buffer that a plan's shared buffer stands for.
 *
 * @throws {OptionError} if it was not given.
 * @throws {ShapeError} if it is smaller than the plan needs.
 */
export function findShared(
  plan: Plan,
  { key, label, bytes }: PlanBuffer,
  shared: ReadonlyMap<string, GPUBuffer>,
): GPUBuffer {
  const buffer = key === undefined ? undefined : shared.get(key);
  if (!buffer) {
    throw new OptionError(
      `plan '${plan.name}': needs a shared buffer '${key ?? label}', got ` +
        `${[...shared.keys()].join(', ') || 'none'}. Pass it to compile().`,
    );
  }
  if (buffer.size < bytes) {
    throw new ShapeError(
      `plan '${plan.name}': shared buffer '${key}' has ${buffer.size} bytes, the plan needs ` +
        `${bytes}. Create it for the largest plan that uses it.`,
    );
  }
  return buffer;
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
