import type { Launch } from '../schedule/plan.ts';
import type { Submission } from './submission.ts';

/** A launch that is ready to be encoded. */
export interface Command {
  readonly launch: Pick<Launch, 'label' | 'kernel' | 'workgroups'>;
  readonly pipeline: GPUComputePipeline;
  /** One bind group for each group of the kernel. */
  readonly groups: readonly GPUBindGroup[];
}

/**
 * Dispatches that are submitted before the next ones are encoded: few at first, so that the device begins at once,
 * and twice as many each time, up to what a submit's own cost is lost in (docs/adr/0041-gpus-begin-early.md).
 */
const PART = { first: 32, most: 256 };

/**
 * Encodes `first` once and then `repeated` as often as asked, in one compute pass, or in one for each part where
 * the device begins early.
 */
export function encodeRun(
  submission: Submission,
  label: string,
  first: readonly Command[],
  repeated: readonly Command[],
  repeats: number,
): void {
  let part = submission.beginsEarly ? PART.first : Number.POSITIVE_INFINITY;
  let left = part;
  let pass = submission.encoder.beginComputePass({ label });
  let bound: GPUComputePipeline | undefined;
  for (let round = first.length > 0 ? -1 : 0; round < repeats; round += 1) {
    for (const command of round < 0 ? first : repeated) {
      if (left === 0) {
        pass.end();
        submission.flush();
        pass = submission.encoder.beginComputePass({ label });
        bound = undefined;
        part = Math.min(2 * part, PART.most);
        left = part;
      }
      bound = dispatch(pass, command, bound);
      left -= 1;
    }
  }
  pass.end();
}

/** Encodes the commands in order, in one compute pass. */
export function encodeCommands(
  encoder: GPUCommandEncoder,
  options: GPUComputePassDescriptor,
  commands: readonly Command[],
  repeats = 1,
): void {
  const pass = encoder.beginComputePass(options);
  let bound: GPUComputePipeline | undefined;
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (const command of commands) bound = dispatch(pass, command, bound);
  }
  pass.end();
}

/** Encodes one dispatch where `bound` is the pipeline that is set. Returns the one that is set then. */
function dispatch(
  pass: GPUComputePassEncoder,
  { launch, pipeline, groups }: Command,
  bound: GPUComputePipeline | undefined,
): GPUComputePipeline {
  if (pipeline !== bound) pass.setPipeline(pipeline);
  for (let index = 0; index < groups.length; index += 1) pass.setBindGroup(index, groups[index]);
  const [x, y, z] = launch.workgroups;
  pass.dispatchWorkgroups(x, y, z);
  return pipeline;
}
