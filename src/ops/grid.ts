import type { PlanLimits } from '../graph/operator.ts';

/** Most workgroups along one axis that every WebGPU adapter dispatches. */
const MOST_PER_DIMENSION = 65_535;

/**
 * Whether an adapter is a narrow one: a CPU that runs a few lanes in step and pays for each load. Real GPUs
 * report small subgroups too (Intel: 8), so the width alone does not say.
 */
export function isNarrow({ isSoftware, laneWidth }: PlanLimits): boolean {
  return isSoftware && laneWidth <= 16;
}

/** Whether it is one whose lanes are quads. */
export function hasQuads(limits: PlanLimits): boolean {
  return isNarrow(limits) && limits.laneWidth <= 4;
}

/**
 * Where the lanes of a narrow adapter are quads, a launch or a walk of so many FLOPs earns back in six to seventeen steps
 * what a tile of 256 sums takes to build, smaller ones in a hundred at best (docs/adr/0050-small-tiles.md).
 */
export const LARGE_FLOPS = 5e8;
/** Rows of those tiles. */
export const LARGE_ROWS = 32;

/**
 * Spreads workgroups over two axes where one cannot hold them. Kernels number their workgroups
 * `group.y * groups.x + group.x` and check the end themselves: there may be a few too many.
 */
export function splitGrid(
  workgroups: number,
  most = MOST_PER_DIMENSION,
): readonly [number, number, number] {
  const y = Math.max(1, Math.ceil(workgroups / most));
  return [Math.max(1, Math.ceil(workgroups / y)), y, 1];
}

/** Threads of a workgroup: as many as wanted, or the lanes of the one that runs a resident plan. */
export function threadsFor({ residentLanes }: PlanLimits, wanted: number): number {
  return residentLanes ?? wanted;
}

/** Constants of `shaders/lib/thread-sums.wgsl`. */
export interface Summing {
  readonly threads: number;
  readonly sums_as_tree: boolean;
  readonly sums_in_subgroup: boolean;
}

/** Whether threads add up in pairs, with a barrier for each halving: on a GPU, but not for one workgroup with all to do. */
export function addsAsTree(limits: PlanLimits): boolean {
  return !isNarrow(limits) && limits.residentLanes === undefined;
}

/**
 * How a workgroup adds up a few thousand numbers by itself. On a narrow adapter it is one subgroup: the lanes of others
 * would take turns with it, and a kernel with barriers takes twice as long to build.
 */
export function chooseSumming(limits: PlanLimits): Summing {
  const narrow = isNarrow(limits);
  const inSubgroup = narrow && limits.hasSubgroups && limits.residentLanes === undefined;
  const most = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  const several = narrow ? 4 * limits.laneWidth : Math.min(256, powerOfTwo(most));
  return {
    threads: threadsFor(limits, inSubgroup ? limits.laneWidth : several),
    sums_as_tree: !narrow,
    sums_in_subgroup: inSubgroup,
  };
}

/** How kernels that walk along rows lay 64 threads over them. */
export interface RowMapping {
  /** Threads that share a row. */
  readonly rowThreads: number;
  readonly workgroups: readonly [number, number, number];
}

/** Rows up to this width are walked by one thread each. */
const NARROW_ROW = 32;

/**
 * One thread per row for short rows, for adapters of few lanes, where a barrier costs more than the walk, and
 * for resident plans, whose one workgroup has all rows to walk; one workgroup per row for the others.
 */
export function mapRows(limits: PlanLimits, rows: number, width: number): RowMapping {
  const isShort =
    width <= NARROW_ROW || limits.laneWidth <= 4 || limits.residentLanes !== undefined;
  const rowThreads = isShort ? 1 : 64;
  return { rowThreads, workgroups: splitGrid(Math.ceil((rows * rowThreads) / 64)) };
}

/** The size of parts that are as even as can be, none larger than `most`. */
export function splitEvenly(total: number, most: number): number {
  return Math.ceil(total / Math.ceil(total / most));
}

/** The largest power of two up to `most`, at least 1. */
export function powerOfTwo(most: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(most)));
}
