import type { PlanLimits } from '../graph/operator.ts';
import { isNarrow } from '../ops/matmul-shape.ts';
import { measurePlan } from './explain.ts';
import type { BufferView, Launch, Plan, PlanBuffer, PlanContent } from './plan.ts';

/**
 * Most work of a plan that one workgroup takes over, by FLOPs and bytes: where a barrier in place of a dispatch
 * saves more than the idle rest of the device would have brought. Measured on SwiftShader for narrow adapters
 * (docs/adr/0009-resident-plans.md); for GPUs an estimate: 20 dispatches of 5 µs against one core at 20 GFLOP/s.
 */
const MOST_WORK = { narrow: { flops: 5e5, bytes: 5e5 }, wide: { flops: 2e6, bytes: 2e6 } };

/** What one workgroup does in a second, roughly: bounds how long a dispatch runs. */
const FLOPS_PER_SECOND = { narrow: 5e8, wide: 1e10 };
const SECONDS_PER_LAUNCH = 4e-6;
/** Longest dispatch of a resident plan, as estimated. */
const MOST_SECONDS = 0.05;
const MOST_REPEATS = 256;

function kindOf(limits: PlanLimits): 'narrow' | 'wide' {
  return isNarrow(limits) ? 'narrow' : 'wide';
}

/** The limits under which a plan is made that one workgroup is to run. */
export function residentLimits(
  limits: PlanLimits,
  { flops }: { readonly flops: number },
): PlanLimits {
  const wanted = kindOf(limits) === 'narrow' ? 4 : flops > 1e5 ? 256 : 64;
  const most = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  return { ...limits, hasSubgroups: false, residentLanes: Math.min(wanted, most) };
}

/** Why a plan had better run in one workgroup; undefined if it had not. */
export function preferResident(plan: Plan, limits: PlanLimits): string | undefined {
  const most = MOST_WORK[kindOf(limits)];
  const { flops, readBytes, writtenBytes, dispatches } = measurePlan(plan);
  const bytes = readBytes + writtenBytes;
  if (dispatches < 2 || flops > most.flops || bytes > most.bytes) return undefined;
  return `${flops} FLOP and ${bytes} B are less than ${dispatches} dispatches cost`;
}

/** Why a plan cannot run in one workgroup here, or undefined if it can. */
export function findResidentObstacle(plan: Plan, limits: PlanLimits): string | undefined {
  const storages = plan.buffers.filter(({ role }) => role !== 'uniform');
  const mostStorages = limits.maxStorageBuffersPerShaderStage;
  if (storages.length > mostStorages) {
    return `it needs ${storages.length} storage buffers, this adapter binds ${mostStorages} at once`;
  }
  const mostBytes = limits.maxStorageBufferBindingSize;
  const large = storages.find(({ bytes }) => bytes > mostBytes);
  if (large)
    return `'${large.label}' has ${large.bytes} B, this adapter binds at most ${mostBytes}`;
  const uniforms = plan.buffers.find(({ role }) => role === 'uniform');
  if (uniforms && uniforms.bytes > limits.maxUniformBufferBindingSize) {
    return `its uniforms have ${uniforms.bytes} B, this adapter binds ${limits.maxUniformBufferBindingSize}`;
  }
  return undefined;
}

/** Most repetitions of a plan in one dispatch, a power of two. */
export function countResidentRepeats(plan: Plan, limits: PlanLimits): number {
  const { flops } = measurePlan(plan);
  const seconds =
    flops / FLOPS_PER_SECOND[kindOf(limits)] + plan.launches.length * SECONDS_PER_LAUNCH;
  const repeats = Math.max(1, Math.min(MOST_REPEATS, MOST_SECONDS / seconds));
  return 2 ** Math.floor(Math.log2(repeats));
}

/** The plan with all buffers of its own in one: a kernel binds few. */
export function mergeBuffers(plan: Plan): Plan {
  const kept: PlanBuffer[] = [];
  const places = new Map<number, { buffer: number; offsetBytes: number }>();
  const contents: PlanContent[] = [];
  let bytes = 0;
  for (const [index, buffer] of plan.buffers.entries()) {
    if (buffer.role === 'shared' || buffer.role === 'uniform') {
      places.set(index, { buffer: 1 + kept.length, offsetBytes: 0 });
      kept.push(buffer);
      continue;
    }
    places.set(index, { buffer: 0, offsetBytes: bytes });
    const room = Math.ceil(buffer.bytes / 256) * 256;
    const { content } = buffer;
    if (content) contents.push({ offsetBytes: bytes, bytes: room, content });
    bytes += room;
  }
  const merged: PlanBuffer = {
    label: `${plan.name}/memory`,
    bytes: Math.max(256, bytes),
    role: 'activation',
    contents,
  };
  const move = (view: BufferView): BufferView => {
    const place = places.get(view.buffer) ?? { buffer: 0, offsetBytes: 0 };
    return { ...view, buffer: place.buffer, offsetBytes: place.offsetBytes + view.offsetBytes };
  };
  const moveLaunch = (launch: Launch): Launch => ({
    ...launch,
    bindings: Object.fromEntries(
      Object.entries(launch.bindings).map(([name, view]) => [name, move(view)]),
    ),
  });
  return {
    ...plan,
    buffers: [merged, ...kept],
    prologue: plan.prologue.map(moveLaunch),
    launches: plan.launches.map(moveLaunch),
    tensors: new Map(
      [...plan.tensors].map(([name, tensor]) => [name, { ...tensor, view: move(tensor.view) }]),
    ),
  };
}
