import { DeviceError } from '../errors.ts';
import type { Launch, Plan, PlanBuffer } from '../schedule/plan.ts';
import { compileResident } from './compile-resident.ts';
import type { DeviceCore } from './core.ts';
import { type Command, encodeCommands } from './encode.ts';
import { Executable } from './executable.ts';
import { bufferUsage } from './flags.ts';
import { type BuiltKernel, describeGroups, type PipelineCache } from './pipelines.ts';
import {
  type CellRegistry,
  checkLaunch,
  findCell,
  findKernel,
  findShared,
  type KernelRegistry,
} from './plan-checks.ts';
import type { ReadbackRing } from './readback.ts';
import { LaunchReplay, type Replay } from './replay.ts';

/** How to compile a plan. */
export interface CompileOptions {
  /** Kernels that the plan's launches name. */
  readonly kernels: KernelRegistry;
  /** Cells that the plan's launches name. */
  readonly cells: CellRegistry;
  /** Fills activations with NaN bit patterns, so that a value nobody wrote shows. For tests. */
  readonly poison?: boolean;
}

/** What compiling needs of a device. */
export interface CompileContext {
  readonly core: DeviceCore;
  readonly pipelines: PipelineCache;
  readonly ring: ReadbackRing;
}

interface ResolvedLaunch {
  readonly launch: Launch;
  readonly built: BuiltKernel;
  readonly groups: ReturnType<typeof describeGroups>;
}

/**
 * Compiles a plan: builds its pipelines in parallel, creates its buffers and the bind groups of each
 * launch, and encodes it once without running it, so that mistakes show here.
 *
 * @param shared - Buffers for the plan's `shared` ones, by key.
 * @throws {ShaderError} if a kernel does not compile.
 * @throws {OutOfMemoryError} if a buffer or binding exceeds the adapter or the memory left.
 * @throws {DeviceError} if a launch does not fit its kernel; the message names the launch.
 */
export async function compilePlan(
  { core, pipelines, ring }: CompileContext,
  plan: Plan,
  shared: ReadonlyMap<string, GPUBuffer>,
  options: CompileOptions,
): Promise<Executable> {
  const action = `compile plan '${plan.name}'`;
  core.assertAlive(action);
  const given = findSharedBuffers(plan, shared);
  const compiled = await compileCommands({ core, pipelines, ring }, plan, options, action);
  core.assertAlive(action);
  const owned: GPUBuffer[] = [];
  try {
    const buffers = plan.buffers.map((buffer, index) => {
      const existing = given.get(index);
      if (existing) return existing;
      const content = contentOf(buffer, options.poison ?? false);
      const created = core.createBuffer({
        label: `${plan.name}/${buffer.label}`,
        bytes: buffer.bytes,
        usage:
          (buffer.role === 'uniform' ? bufferUsage.uniform : bufferUsage.storage) |
          (compiled.uniforms.has(index) ? bufferUsage.uniform : 0) |
          bufferUsage.copySource |
          bufferUsage.copyTarget,
        ...(content ? { content } : {}),
      });
      owned.push(created);
      return created;
    });
    const replay = await compiled.bind(buffers, owned);
    await core.settle(action, Promise.resolve());
    return new Executable({ core, ring, plan, buffers, owned, replay });
  } catch (error) {
    for (const buffer of owned) core.destroyBuffer(buffer);
    throw error;
  }
}

/** Pipelines of a plan, and how they are bound once its buffers exist. */
interface CompiledCommands {
  /** Buffers that are bound as uniforms. */
  readonly uniforms: ReadonlySet<number>;
  /** @param owned - takes what is created on the way. */
  bind(buffers: readonly GPUBuffer[], owned: GPUBuffer[]): Promise<Replay>;
}

async function compileCommands(
  { core, pipelines }: CompileContext,
  plan: Plan,
  options: CompileOptions,
  action: string,
): Promise<CompiledCommands> {
  const { resident } = plan;
  if (resident) return compileResident({ core, pipelines, plan, resident, ...options });
  const resolved = await resolveLaunches(core, pipelines, plan, options);
  return {
    uniforms: findUniforms(resolved),
    bind: async (buffers) => {
      const commands = await bindLaunches(core, action, resolved, buffers);
      const [first, repeated] = [plan.prologue.length, commands.slice(plan.prologue.length)];
      return new LaunchReplay(plan, commands.slice(0, first), repeated);
    },
  };
}

/** What a buffer holds at first. */
function contentOf(
  { content, contents = [], bytes, role }: PlanBuffer,
  poisons: boolean,
): Uint8Array | undefined {
  if (content) return content;
  const isPoisoned = poisons && role === 'activation';
  if (!isPoisoned && contents.length === 0) return undefined;
  const initial = isPoisoned ? nanBytes(bytes) : new Uint8Array(bytes);
  for (const part of contents) initial.set(part.content, part.offsetBytes);
  return initial;
}

function findSharedBuffers(
  plan: Plan,
  shared: ReadonlyMap<string, GPUBuffer>,
): ReadonlyMap<number, GPUBuffer> {
  const found = new Map<number, GPUBuffer>();
  for (const [index, buffer] of plan.buffers.entries()) {
    if (buffer.role === 'shared') found.set(index, findShared(plan, buffer, shared));
  }
  return found;
}

async function resolveLaunches(
  core: DeviceCore,
  pipelines: PipelineCache,
  plan: Plan,
  { kernels, cells }: CompileOptions,
): Promise<ResolvedLaunch[]> {
  const launches = [...plan.prologue, ...plan.launches].map((launch) => {
    const kernel = findKernel(kernels, launch);
    checkLaunch(plan, launch, kernel, core.limits);
    return { launch, kernel };
  });
  return Promise.all(
    launches.map(async ({ launch, kernel }) => {
      const use = { kernel, cell: findCell(cells, launch), constants: launch.constants };
      const built = await pipelines.build(use, launch.label);
      return { launch, built, groups: describeGroups(kernel) };
    }),
  );
}

function findUniforms(resolved: readonly ResolvedLaunch[]): ReadonlySet<number> {
  const uniforms = new Set<number>();
  for (const { launch, groups } of resolved) {
    for (const { name, kind } of groups.flat()) {
      const view = launch.bindings[name];
      if (view && kind === 'uniform') uniforms.add(view.buffer);
    }
  }
  return uniforms;
}

/** Creates the bind groups and encodes everything once, without submitting it. */
async function bindLaunches(
  core: DeviceCore,
  action: string,
  resolved: readonly ResolvedLaunch[],
  buffers: readonly GPUBuffer[],
): Promise<Command[]> {
  const { gpu, counters } = core;
  gpu.pushErrorScope('validation');
  const commands = resolved.map(({ launch, built, groups }) => ({
    launch,
    pipeline: built.pipeline,
    groups: groups.map((bindings, group) => {
      counters.bindGroupsCreated += 1;
      return gpu.createBindGroup({
        label: launch.label,
        layout: built.layouts[group] as GPUBindGroupLayout,
        entries: bindings.map(({ name, binding }) => {
          const view = launch.bindings[name] as Launch['bindings'][string];
          const buffer = buffers[view.buffer] as GPUBuffer;
          return { binding, resource: { buffer, offset: view.offsetBytes, size: view.bytes } };
        }),
      });
    }),
  }));
  encodeUnsubmitted(gpu, action, commands);
  const error = await gpu.popErrorScope();
  if (error) {
    const culprit = await findCulprit(gpu, commands);
    const where = culprit ? `launch '${culprit.launch.label}'` : action;
    throw new DeviceError(
      `${where}: ${error.message.trim()}\nThis is a mistake in the plan; please report it.`,
    );
  }
  return commands;
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

/** All bits set: a NaN as f32, -1 as i32. */
function nanBytes(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(0xff);
}
