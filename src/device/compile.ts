import type { Plan, PlanBuffer } from '../schedule/plan.ts';
import { bindLaunches, type ResolvedLaunch } from './bind.ts';
import { compileResident } from './compile-resident.ts';
import type { DeviceCore } from './core.ts';
import { Executable } from './executable.ts';
import { bufferUsage } from './flags.ts';
import { runAhead } from './head-start.ts';
import { describeGroups, type PipelineCache } from './pipelines.ts';
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
  /**
   * On software adapters, runs the first launches while the others are being built, for the first run to go on from.
   * For plans that take nothing of their activations from one run to the next.
   */
  readonly headStart?: boolean;
}

/** What compiling needs of a device. */
export interface CompileContext {
  readonly core: DeviceCore;
  readonly pipelines: PipelineCache;
  readonly ring: ReadbackRing;
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
  const compiled = compileCommands({ core, pipelines, ring }, plan, options, action);
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

function compileCommands(
  { core, pipelines }: CompileContext,
  plan: Plan,
  options: CompileOptions,
  action: string,
): CompiledCommands {
  const { resident } = plan;
  if (resident) return compileResident({ core, pipelines, plan, resident, ...options });
  const resolved = resolveLaunches(core, pipelines, plan, options);
  return {
    uniforms: findUniforms(resolved),
    bind: async (buffers) => {
      const runsAhead = options.headStart && core.isSoftware && plan.prologue.length === 0;
      const headStart = runsAhead ? await runAhead(core, plan, resolved, buffers) : undefined;
      const ahead = headStart?.commands ?? [];
      const others = await bindLaunches(core, action, resolved.slice(ahead.length), buffers);
      const commands = [...ahead, ...others];
      const first = plan.prologue.length;
      return new LaunchReplay(plan, commands.slice(0, first), commands.slice(first), headStart);
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

function resolveLaunches(
  core: DeviceCore,
  pipelines: PipelineCache,
  plan: Plan,
  { kernels, cells }: CompileOptions,
): ResolvedLaunch[] {
  const checked = [...plan.prologue, ...plan.launches].map((launch) => {
    const kernel = findKernel(kernels, launch);
    checkLaunch(plan, launch, kernel, core.limits);
    return { launch, kernel, cell: findCell(cells, launch) };
  });
  return checked.map(({ launch, kernel, cell }) => {
    const use = { kernel, cell, constants: launch.constants };
    const building = pipelines.build(use, launch.label);
    return { launch, groups: describeGroups(kernel), building };
  });
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

/** All bits set: a NaN as f32, -1 as i32. */
function nanBytes(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(0xff);
}
