import { DeviceError } from '../errors.ts';
import { fusedRunBytes, fuseLaunches } from '../kernels/fuse.ts';
import type { Launch, Plan, ResidentPlan } from '../schedule/plan.ts';
import type { DeviceCore } from './core.ts';
import type { Command } from './encode.ts';
import { bufferUsage } from './flags.ts';
import type { PipelineCache } from './pipelines.ts';
import { type CellRegistry, findCell, findKernel, type KernelRegistry } from './plan-checks.ts';
import { ResidentReplay } from './replay.ts';

/** What compiling a resident plan works with. */
export interface ResidentRequest {
  readonly core: DeviceCore;
  readonly pipelines: PipelineCache;
  readonly plan: Plan;
  readonly resident: ResidentPlan;
  readonly kernels: KernelRegistry;
  readonly cells: CellRegistry;
}

const alignment = 256;

/**
 * Compiles a plan that one workgroup runs.
 *
 * @returns what binds the plan's buffers; the buffer that it creates belongs to the caller.
 * @throws {ShaderError} if the fused kernel does not compile.
 */
export function compileResident(request: ResidentRequest) {
  const { core, pipelines, plan, resident, kernels, cells } = request;
  const complete = (launch: Launch) => ({
    launch,
    kernel: findKernel(kernels, launch),
    cell: findCell(cells, launch),
  });
  const { code, bindings } = fuseLaunches({
    lanes: resident.lanes,
    prologue: plan.prologue.map(complete),
    launches: plan.launches.map(complete),
    buffers: plan.buffers,
  });
  const name = `${plan.name}/resident`;
  const layout = [
    { binding: 0, kind: 'uniform', access: 'read' } as const,
    ...bindings.map(({ kind }, index) => {
      return {
        binding: index + 1,
        kind,
        access: kind === 'uniform' ? 'read' : 'read_write',
      } as const;
    }),
  ];
  const building = pipelines.buildCode({ name, code, groups: [layout] });
  const uniforms = new Set(
    bindings.filter(({ kind }) => kind === 'uniform').map(({ buffer }) => buffer),
  );

  const bind = async (
    buffers: readonly GPUBuffer[],
    owned: GPUBuffer[],
  ): Promise<ResidentReplay> => {
    const counts = powersUpTo(resident.mostRepeats);
    const kinds = plan.prologue.length > 0 ? [0, 1] : [0];
    const rows = kinds.flatMap((kind) => counts.map((count) => [count, kind] as const));
    const content = new Uint8Array(rows.length * alignment);
    for (const [row, values] of rows.entries()) {
      content.set(new Uint8Array(Uint32Array.from(values).buffer), row * alignment);
    }
    const usage = bufferUsage.uniform | bufferUsage.copyTarget;
    const runs = core.createBuffer({
      label: `${name}/runs`,
      bytes: content.length,
      usage,
      content,
    });
    owned.push(runs);
    const { pipeline, layouts } = await building;
    const [layoutOfGroup] = layouts;
    core.assertAlive(`compile plan '${plan.name}'`);
    core.gpu.pushErrorScope('validation');
    const commands = rows.map(([count], row): Command => {
      core.counters.bindGroupsCreated += 1;
      const group = core.gpu.createBindGroup({
        label: name,
        layout: layoutOfGroup as GPUBindGroupLayout,
        entries: [
          { binding: 0, resource: { buffer: runs, offset: row * alignment, size: fusedRunBytes } },
          ...bindings.map(({ buffer }, index) => {
            return { binding: index + 1, resource: { buffer: buffers[buffer] as GPUBuffer } };
          }),
        ],
      });
      const launch = {
        label: `${name} × ${count}`,
        kernel: 'resident',
        workgroups: [1, 1, 1],
      } as const;
      return { launch, pipeline, groups: [group] };
    });
    const error = await core.gpu.popErrorScope();
    if (error) {
      throw new DeviceError(
        `${name}: ${error.message.trim()}\nThis is a mistake; please report it.`,
      );
    }
    const [plain, first] = [commands.slice(0, counts.length), commands.slice(counts.length)];
    return new ResidentReplay(plan, plain, first);
  };
  return { uniforms, bind };
}

function powersUpTo(most: number): number[] {
  return Array.from({ length: Math.log2(most) + 1 }, (_, power) => 2 ** power);
}
