import type { Device } from '../device/device.ts';
import type { PlanLimits } from '../graph/operator.ts';
import type { ShapeSource } from '../graph/tunable.ts';
import type { ScheduleOptions } from '../schedule/program.ts';

/**
 * Registers of a processor, by vendor as WebGPU names it. Those of NVIDIA since Maxwell, from its CUDA programming
 * guide. Others are not here until weights in registers have been measured on one.
 */
const registersOf: Readonly<Record<string, number>> = { nvidia: 65_536 };

/**
 * Lanes that a software adapter computes in step where WebGPU does not say: llvmpipe tells the bits of its vectors in
 * its description, '… (LLVM 15.0.6, 256 bits)'; others are taken for SwiftShader, whose vectors hold four numbers.
 */
function lanesOfSoftware(description: string): number {
  const bits = /\b(\d+) bits\b/.exec(description)?.[1];
  return bits === undefined ? 4 : Math.max(4, Number(bits) / 32);
}

/** Subgroup sizes that WebGPU reports where it knows none, or does not tell: all that there are. */
const ANY_SUBGROUP = { min: 4, max: 128 };

/** The least subgroup size that an adapter reports; undefined where it says nothing. */
function reportedLanes({ adapterInfo }: GPUDevice): number | undefined {
  const { subgroupMinSize: min, subgroupMaxSize: max } = adapterInfo ?? {};
  return min === ANY_SUBGROUP.min && max === ANY_SUBGROUP.max ? undefined : min || undefined;
}

/** What the scheduler needs to know of a device, as plain numbers. */
export function planLimits(device: Device): PlanLimits {
  const { software, description } = device.info;
  const laneWidth = reportedLanes(device.gpu) ?? (software ? lanesOfSoftware(description) : 32);
  const registers = software ? undefined : registersOf[device.info.vendor];
  return {
    ...device.limits,
    laneWidth,
    isSoftware: software,
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
