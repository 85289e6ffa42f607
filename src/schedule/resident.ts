import type { PlanLimits } from '../graph/operator.ts';
import { linearRow } from '../kernels/generated/linear-row.ts';
import { recurrenceForward } from '../kernels/generated/recurrence-forward.ts';
import { mapBindings } from '../kernels/launch.ts';
import { isNarrow } from '../ops/grid.ts';
import { countHoldThreads, holdsRows } from '../ops/recurrence-hold.ts';
import { measurePlan } from './explain.ts';
import { alignBytes } from './lowering.ts';
import type { BufferView, Launch, Plan, PlanBuffer, PlanContent } from './plan.ts';

/**
 * What one workgroup does in a second, and the seconds that a dispatch costs. Measured on SwiftShader for narrow
 * adapters (docs/adr/0009-resident-plans.md); assumed for GPUs.
 */
const RATES = {
  narrow: { flops: 5e8, bytes: 1e9, dispatch: 15e-6, barrier: 1e-6 },
  wide: { flops: 2e10, bytes: 5e10, dispatch: 5e-6, barrier: 1e-6 },
};

/** FLOPs of a second with weights that threads hold, on a narrow adapter (docs/adr/0031-sampling-with-held-weights.md). */
const HELD_FLOPS = 2.5e9;
/** Most threads that hold weights: the quads of a CPU take turns, and each goes through all launches. */
const MOST_HOLDING = 256;
/** Most numbers that such a thread keeps for all layers, and most recurrences: each is code that takes time to build. */
const MOST_NUMBERS = 6500;
const MOST_RECURRENCES = 3;
/** Most time of a plan whose threads hold weights, as a part of what it takes launch by launch. */
const MOST_OF_LAUNCHED = 0.5;
/** Cores over which a CPU that acts as a GPU spreads the workgroups of a dispatch. */
const CORES = 2;

/** Longest dispatch of a resident plan, as estimated. */
const MOST_SECONDS = 0.05;
const MOST_REPEATS = 256;

function kindOf(limits: PlanLimits): 'narrow' | 'wide' {
  return isNarrow(limits) ? 'narrow' : 'wide';
}

/** The limits under which a plan is made that one workgroup is to run. */
export function residentLimits(limits: PlanLimits, flops: number): PlanLimits {
  const wanted =
    kindOf(limits) === 'narrow' ? Math.max(4, limits.laneWidth) : flops > 1e5 ? 256 : 64;
  const most = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  return { ...limits, hasSubgroups: false, residentLanes: Math.min(wanted, most) };
}

/**
 * The limits under which a plan that a submit repeats is made for one workgroup whose threads keep the weights of its
 * recurrences; undefined where the adapter holds none, or there is none of such a size.
 */
export function holdingLimits(plan: Plan, limits: PlanLimits): PlanLimits | undefined {
  const recurrences = plan.launches.filter(isRecurrence);
  if (!holdsRows(limits) || recurrences.length === 0) return undefined;
  const hiddenSizes = recurrences.map(({ constants }) => Number(constants.hidden_size));
  const residentLanes = countHoldThreads(Math.max(...hiddenSizes));
  return residentLanes <= MOST_HOLDING && recurrences.length <= MOST_RECURRENCES
    ? { ...limits, residentLanes, residentHolds: true }
    : undefined;
}

/** Whether a plan made under {@link holdingLimits} holds the weights of all recurrences, and is worth its pipeline. */
export function holdsWeights(plan: Plan, launched: Plan, limits: PlanLimits): boolean {
  const { launches } = plan;
  if (!launches.filter(isRecurrence).every(isHeld)) return false;
  // One row meets each weight once: a multiplication and an addition.
  const heldFlops = launches.filter(isHeld).reduce((sum, { cost }) => sum + cost.flops, 0);
  const numbers = heldFlops / 2 / (limits.residentLanes ?? 1);
  const overhead = launched.launches.length * RATES.narrow.dispatch;
  const unheld = overhead + secondsOf(launched.launches, limits) / CORES;
  return numbers <= MOST_NUMBERS && secondsOf(launches, limits) <= MOST_OF_LAUNCHED * unheld;
}

function isRecurrence({ kernel }: Launch): boolean {
  return kernel === recurrenceForward.name;
}

/** Whether threads keep a launch's weights: they have memory for those of one workgroup. */
function isHeld({ kernel, constants, workgroups: [x, y, z] }: Launch): boolean {
  const holds = kernel === linearRow.name || Number(constants.held_quads ?? 0) > 0;
  return holds && x * y * z === 1;
}

/** Why a plan had better run in one workgroup; undefined if it had not. */
export function preferResident(plan: Plan, limits: PlanLimits): string | undefined {
  const { dispatches } = measurePlan(plan);
  const seconds = secondsOf(plan.launches, limits);
  const saved = dispatches * RATES[kindOf(limits)].dispatch;
  if (dispatches < 2 || seconds > saved) return undefined;
  const micros = (value: number) => `${Math.round(1e6 * value)} µs`;
  return `an estimated ${micros(seconds)}, less than the ${micros(saved)} that ${dispatches} dispatches cost`;
}

/** Estimated time of launches in one workgroup. */
function secondsOf(launches: readonly Launch[], limits: PlanLimits): number {
  const rates = RATES[kindOf(limits)];
  return launches.reduce((sum, launch) => {
    const { flops, readBytes, writtenBytes } = launch.cost;
    const work = isHeld(launch)
      ? flops / HELD_FLOPS
      : flops / rates.flops + (readBytes + writtenBytes) / rates.bytes;
    return sum + work + rates.barrier;
  }, 0);
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
  const seconds = secondsOf(plan.launches, limits);
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
    const room = alignBytes(buffer.bytes);
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
  return {
    ...plan,
    buffers: [merged, ...kept],
    prologue: plan.prologue.map((launch) => mapBindings(launch, move)),
    launches: plan.launches.map((launch) => mapBindings(launch, move)),
    tensors: new Map(
      [...plan.tensors].map(([name, tensor]) => [name, { ...tensor, view: move(tensor.view) }]),
    ),
  };
}
