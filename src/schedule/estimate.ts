import { type GpuFigures, gpuFigures } from './estimate-gpus.ts';
import type { Launch, Plan } from './plan.ts';

/** What one repetition of a plan would take on a GPU at best. Calculated, never measured; all in ms. */
export interface PlanEstimate {
  readonly gpu: GpuFigures;
  readonly totalMs: number;
  /** The part of `totalMs` that dispatches cost by themselves. */
  readonly dispatchMs: number;
}

/** The assumptions of {@link estimatePlan} in words, printed with every estimate. */
export const estimateAssumption =
  'each launch at the peak arithmetic of as many cores as it has workgroups, or at peak bandwidth where ' +
  'that takes longer, and an assumed cost per dispatch; waiting at barriers and for memory is left out';

function msOfLaunch(
  { cost, workgroups: [x, y, z] }: Launch,
  gpu: GpuFigures,
  isOne: boolean,
): number {
  const busy = Math.min(1, (isOne ? 1 : x * y * z) / gpu.cores);
  const arithmeticMs = cost.flops / (1e9 * gpu.teraflops * busy);
  const memoryMs = (cost.readBytes + cost.writtenBytes) / (1e6 * gpu.bandwidthGBps);
  return Math.max(arithmeticMs, memoryMs);
}

/**
 * Estimates a plan on GPUs from their public figures: a bound from below, for the plan as it is. A device of
 * that kind may get another plan.
 *
 * For each launch: max(FLOPs / (peak · min(1, workgroups / cores)), bytes / bandwidth) + dispatch cost.
 *
 * @param gpus - Default: {@link gpuFigures}.
 */
export function estimatePlan(
  plan: Plan,
  gpus: readonly GpuFigures[] = gpuFigures,
): readonly PlanEstimate[] {
  return gpus.map((gpu) => {
    const { resident, launches } = plan;
    const isOne = resident !== undefined;
    const dispatches = resident ? 1 / resident.mostRepeats : launches.length;
    const dispatchMs = (dispatches * gpu.dispatchUs) / 1e3;
    const workMs = launches.reduce((sum, launch) => sum + msOfLaunch(launch, gpu, isOne), 0);
    return { gpu, totalMs: workMs + dispatchMs, dispatchMs };
  });
}

/** Estimates as lines of `explain()`, marked as such. */
export function describeEstimates(estimates: readonly PlanEstimate[]): string[] {
  const lines = estimates.map(({ gpu, totalMs }) => {
    const { name, teraflops, bandwidthGBps, cores, dispatchUs } = gpu;
    return (
      `    ${name}: ${totalMs.toPrecision(3)} ms (${teraflops} TFLOP/s, ${bandwidthGBps} GB/s, ` +
      `${cores} cores; ${dispatchUs} µs a dispatch assumed)`
    );
  });
  return [`  estimates from public figures, not measured: ${estimateAssumption}:`, ...lines];
}
