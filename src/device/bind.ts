import { DeviceError } from '../errors.ts';
import type { Launch } from '../schedule/plan.ts';
import type { DeviceCore } from './core.ts';
import { type Command, encodeCommands } from './encode.ts';
import type { BuiltKernel, NamedBinding } from './pipelines.ts';

/** A launch with its kernel, which may still be under way. */
export interface ResolvedLaunch {
  readonly launch: Launch;
  readonly groups: readonly (readonly NamedBinding[])[];
  readonly building: Promise<BuiltKernel>;
}

/**
 * Makes launches ready to be encoded: waits for their kernels, creates their bind groups, and encodes them once
 * without submitting that, so that mistakes show here.
 *
 * @throws {ShaderError} if a kernel does not compile.
 * @throws {DeviceError} if a launch does not fit its kernel; the message names the launch.
 */
export async function bindLaunches(
  core: DeviceCore,
  action: string,
  launches: readonly ResolvedLaunch[],
  buffers: readonly GPUBuffer[],
): Promise<Command[]> {
  const kernels = await Promise.all(launches.map(({ building }) => building));
  core.assertAlive(action);
  const { gpu } = core;
  gpu.pushErrorScope('validation');
  const commands = launches.map((launch, index) =>
    bindLaunch(core, launch, kernels[index] as BuiltKernel, buffers),
  );
  encodeUnsubmitted(gpu, action, commands);
  const error = await gpu.popErrorScope();
  if (!error) return commands;
  const culprit = await findCulprit(gpu, commands);
  const where = culprit ? `launch '${culprit.launch.label}'` : action;
  throw new DeviceError(
    `${where}: ${error.message.trim()}\nThis is a mistake in the plan; please report it.`,
  );
}

function bindLaunch(
  { gpu, counters }: DeviceCore,
  { launch, groups }: ResolvedLaunch,
  { pipeline, layouts }: BuiltKernel,
  buffers: readonly GPUBuffer[],
): Command {
  return {
    launch,
    pipeline,
    groups: groups.map((bindings, group) => {
      counters.bindGroupsCreated += 1;
      return gpu.createBindGroup({
        label: launch.label,
        layout: layouts[group] as GPUBindGroupLayout,
        entries: bindings.map(({ name, binding }) => {
          const view = launch.bindings[name] as Launch['bindings'][string];
          const buffer = buffers[view.buffer] as GPUBuffer;
          return { binding, resource: { buffer, offset: view.offsetBytes, size: view.bytes } };
        }),
      });
    }),
  };
}

/** The first launch that is invalid on its own. */
async function findCulprit(
  gpu: GPUDevice,
  commands: readonly Command[],
): Promise<Command | undefined> {
  for (const command of commands) {
    gpu.pushErrorScope('validation');
    encodeUnsubmitted(gpu, command.launch.label, [command]);
    if (await gpu.popErrorScope()) return command;
  }
  return undefined;
}

/** Lets the device look for mistakes, which it does when a command buffer is finished. */
function encodeUnsubmitted(gpu: GPUDevice, label: string, commands: readonly Command[]): void {
  const encoder = gpu.createCommandEncoder({ label });
  encodeCommands(encoder, { label }, commands);
  encoder.finish();
}
