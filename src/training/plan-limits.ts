import type { Device } from '../device/device.ts';
import type { PlanLimits } from '../graph/operator.ts';
import type { ShapeSource } from '../graph/tunable.ts';
import type { ScheduleOptions } from '../schedule/program.ts';

/**
 * Registers of a processor, by vendor as WebGPU names it. Those of NVIDIA since Maxwell, from its CUDA programming
 * guide. Others are not here until weights in registers have been measured on one.
 */
const registersOf: Readonly<Record<string, number>> = { nvidia: 65_536 };

/** What the scheduler needs to know of a device, as plain numbers. */
export function planLimits(device: Device): PlanLimits {
  const reported = device.gpu.adapterInfo?.subgroupMinSize;
  const laneWidth = reported || (device.info.software ? 4 : 32);
  const registers = device.info.software ? undefined : registersOf[device.info.vendor];
  return {
    ...device.limits,
    laneWidth,
    isSoftware: device.info.software,
    hasSubgroups: device.features.has('subgroups'),
    hasF16: device.features.has('shader-f16'),
    ...(registers !== undefined && { registers }),
  };
}

/** What all plans on a device have in common: its limits, and the tuning where there is one. */
export function planOptions({
  device,
  tuning,
}: {
  readonly device: Device;
  readonly tuning?: ShapeSource | undefined;
}): ScheduleOptions {
  return { limits: planLimits(device), ...(tuning && { tuning }) };
}
