import type { Device } from '../device/device.ts';
import type { PlanLimits } from '../graph/operator.ts';

/** What the scheduler needs to know of a device, as plain numbers. */
export function planLimits(device: Device): PlanLimits {
  const reported = device.gpu.adapterInfo?.subgroupMinSize;
  const laneWidth = reported || (device.info.software ? 4 : 32);
  return {
    ...device.limits,
    laneWidth,
    isSoftware: device.info.software,
    hasSubgroups: device.features.has('subgroups'),
  };
}
