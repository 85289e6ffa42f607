import type { Launch } from '../schedule/plan.ts';

/** A launch that is ready to be encoded. */
export interface Command {
  readonly launch: Pick<Launch, 'label' | 'kernel' | 'workgroups'>;
  readonly pipeline: GPUComputePipeline;
  /** One bind group for each group of the kernel. */
  readonly groups: readonly GPUBindGroup[];
}

/** Encodes `first` once and then `repeated` as often as asked, in one compute pass. */
export function encodeCommands(
  encoder: GPUCommandEncoder,
  label: string,
  first: readonly Command[],
  repeated: readonly Command[] = [],
  repeats = 1,
): void {
  const pass = encoder.beginComputePass({ label });
  let bound = dispatchAll(pass, first, undefined);
  for (let repeat = 0; repeat < repeats; repeat += 1) bound = dispatchAll(pass, repeated, bound);
  pass.end();
}

/** Dispatches the commands in order; returns the pipeline that is then set. */
export function dispatchAll(
  pass: GPUComputePassEncoder,
  commands: readonly Command[],
  bound: GPUComputePipeline | undefined,
): GPUComputePipeline | undefined {
  let current = bound;
  for (const { launch, pipeline, groups } of commands) {
    if (pipeline !== current) {
      pass.setPipeline(pipeline);
      current = pipeline;
    }
    for (let index = 0; index < groups.length; index += 1) pass.setBindGroup(index, groups[index]);
    const [x, y, z] = launch.workgroups;
    pass.dispatchWorkgroups(x, y, z);
  }
  return current;
}
