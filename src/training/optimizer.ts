import type { Lowering, View } from '../graph/operator.ts';
import { isNarrow, threadsFor } from '../ops/grid.ts';
import type { ParameterLayout } from '../schedule/parameter-layout.ts';
import type { LaunchCost } from '../schedule/plan.ts';
import type { Clipping } from './clipping.ts';
import type { ParameterGroups } from './parameter-groups.ts';

/** Buffers of an optimizer's launch. All are flat float32 and equally long, a multiple of 16 bytes. */
export interface OptimizerViews {
  readonly parameters: View;
  /** Gradients before clipping. */
  readonly gradients: View;
  /** One per name in {@link Optimizer.moments}, in that order; zero before the first step. */
  readonly moments: readonly View[];
  /** The training state; `step` counts this step already. */
  readonly state: View;
  readonly clipping: Clipping;
  /** Where each parameter lies in the flat buffers. */
  readonly layout: ParameterLayout;
  readonly label: string;
}

/** Where a reference update stands. */
export interface UpdatePosition {
  /** Number of this step; the first is 1. */
  readonly step: number;
  /** Before the factor of the parameter's group. */
  readonly learningRate: number;
  /** Name of the parameter. */
  readonly parameter: string;
}

/**
 * A rule that changes parameters by their gradients: PyTorch's semantics and defaults, once as one kernel
 * launch over the flat buffers and once in float64.
 */
export interface Optimizer {
  /** Function that makes it, e.g. `adamw`. */
  readonly name: string;
  /** All options with their defaults filled in, as plain data. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Base learning rate, the input of the schedule. */
  readonly learningRate: number;
  /** Parameters that it treats otherwise than the rest. */
  readonly groups: ParameterGroups;
  /** Names of the buffers it keeps beside the parameters. */
  readonly moments: readonly string[];
  /** Emits the one launch that updates every parameter. */
  lower(lowering: Lowering, views: OptimizerViews): void;
  /**
   * The float64 reference.
   *
   * @param parameters - Changed in place.
   * @param gradients - After clipping. Not modified.
   * @param moments - One per name in `moments`. Changed in place.
   */
  update(
    parameters: Float64Array,
    gradients: Float64Array,
    moments: readonly Float64Array[],
    position: UpdatePosition,
  ): void;
}

const optimizerThreads = 64;
const mostWorkgroups = 4096;
/**
 * On a narrow adapter, more than its cores, but few: what a thread of Adam works out before its first turn takes as
 * long as some ten turns there (docs/adr/0045-few-threads-update.md).
 */
const mostNarrowWorkgroups = 32;

/** Threads and workgroups of a kernel that loops over its items, and how often a thread has a turn. */
export function spread(
  { limits }: Lowering,
  items: number,
  most = isNarrow(limits) ? mostNarrowWorkgroups : mostWorkgroups,
) {
  const threads = threadsFor(limits, optimizerThreads);
  const workgroups = limits.residentLanes === undefined ? loopGrid(items, threads, most) : oneGroup;
  return { threads, workgroups, turns: Math.ceil(items / (threads * workgroups[0])) };
}

const oneGroup = [1, 1, 1] as const;

/** Workgroups of a kernel that loops over the grid, one item per thread and turn. */
export function loopGrid(
  items: number,
  threads = optimizerThreads,
  most = mostWorkgroups,
): readonly [number, number, number] {
  return [Math.max(1, Math.min(most, Math.ceil(items / threads))), 1, 1];
}

/** Vectors of four floats in the flat buffers of an optimizer, which must agree in length. */
export function countVectors({ parameters, gradients, moments, label }: OptimizerViews): number {
  for (const view of [gradients, ...moments]) {
    if (view.bytes === parameters.bytes && view.bytes % 16 === 0) continue;
    throw new RangeError(
      `${label}: views have ${view.bytes} and ${parameters.bytes} bytes, must be equal multiples of 16`,
    );
  }
  return parameters.bytes / 16;
}

/** The view of a moment, or, for one that the options leave out, memory that the kernel never touches. */
export function momentOr(lowering: Lowering, view: View | undefined, label: string): View {
  return view ?? lowering.scratch(`${label}/unused`, 16);
}

/** The constant and the binding of an optimizer's kernel that its parameter groups need. */
export function bindGroups(lowering: Lowering, groups: ParameterGroups, views: OptimizerViews) {
  const { layout, gradients, label } = views;
  // Without groups the kernel does not read the table: any buffer will do.
  const table = groups.isEmpty ? gradients : groups.table(lowering, layout, `${label}/groups`);
  return { has_groups: !groups.isEmpty, table };
}

/** Largest float32: the limit of a clipping that is switched off. */
export const largestFloat = 3.4028234663852886e38;

/** Cost of an update that reads `reads` and writes `writes` floats per parameter. */
export function updateCost(
  vectors: number,
  flops: number,
  reads: number,
  writes: number,
): LaunchCost {
  return {
    flops: 4 * vectors * flops,
    readBytes: 16 * vectors * reads,
    writtenBytes: 16 * vectors * writes,
  };
}
