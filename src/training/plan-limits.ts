import type { Device } from '../device/device.ts';
import type { PlanLimits } from '../graph/operator.ts';
import type { ShapeSource } from '../graph/tunable.ts';
import type { ScheduleOptions } from '../schedule/program.ts';

/** What the scheduler needs to know of a device, as plain numbers. */
export function planLimits(device: Device): PlanLimits {
  const reported = device.gpu.adapterInfo?.subgroupMinSize;
  const laneWidth = reported || (device.info.software ? 4 : 32);
  return {
    ...device.limits,
    laneWidth,
    isSoftware: device.info.software,
    hasSubgroups: device.features.has('subgroups'),
    hasF16: device.features.has('shader-f16'),
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
