import type { Device } from '../../../src/device/device.ts';
import type { Executable } from '../../../src/device/executable.ts';
import type { PlanLimits } from '../../../src/graph/operator.ts';
import type { Plan } from '../../../src/schedule/plan.ts';

/** Thrown where the library would use what has been compiled. */
export class NothingRuns extends Error {}

/**
 * A device without a GPU: it takes buffers and plans and keeps the plans. So the plan of a trainer or a
 * network is had as they make it.
 */
export function makeRecordingDevice(limits: PlanLimits): { device: Device; plans: Plan[] } {
  const plans: Plan[] = [];
  const refuse = () => {
    throw new NothingRuns('a recording device runs nothing');
  };
  const device = {
    gpu: { adapterInfo: { subgroupMinSize: limits.laneWidth } },
    info: { software: limits.isSoftware },
    features: new Set([
      ...(limits.hasSubgroups ? ['subgroups'] : []),
      ...(limits.hasF16 ? ['shader-f16'] : []),
    ]),
    limits,
    createBuffer: ({ label, bytes }: { label: string; bytes: number }) => ({ label, size: bytes }),
    destroyBuffer: () => undefined,
    upload: () => undefined,
    download: refuse,
    compile: (plan: Plan) => {
      plans.push(plan);
      const executable = {
        plan,
        write: refuse,
        run: refuse,
        runAndRead: refuse,
        runAndDownload: refuse,
        dispose: () => undefined,
      };
      return Promise.resolve(executable as unknown as Executable);
    },
  };
  return { device: device as unknown as Device, plans };
}
