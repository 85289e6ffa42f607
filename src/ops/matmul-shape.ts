import type { PlanLimits } from '../graph/operator.ts';

/** Sizes of a product C [m, n] = A [m, k]·B [k, n]. */
export interface MatmulSizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** How `shaders/kernels/matmul.wgsl` is laid over a product: what tuning chooses. */
export interface MatmulShape {
  /** Register tile of a thread. */
  readonly rows: number;
  readonly columns: number;
  /** Threads of a workgroup over rows and columns. */
  readonly lanesM: number;
  readonly lanesN: number;
  /** Quads share their loads of A. Needs subgroups, and one row of threads. */
  readonly spreads: boolean;
  /** Terms that go through workgroup memory at a time; 0: none. */
  readonly stageK: number;
  /** Terms in one part of the sum; parts beyond the first are added by a launch of their own. */
  readonly splitK: number;
}

/**
 * Whether an adapter is a narrow one: a CPU that runs a few lanes in step and pays for each load. Real GPUs
 * report small subgroups too (Intel: 8), so the width alone does not say.
 */
export function isNarrow({ isSoftware, laneWidth }: PlanLimits): boolean {
  return isSoftware && laneWidth <= 8;
}

/**
 * Nanoseconds of a narrow adapter, measured on SwiftShader. Only their ratios
 * decide, and only between tiles.
 */
const NARROW_NS = { load: 12, share: 1.5, multiplyAdd: 0.8, round: 20, build: 1.2e6 };
/** A pipeline may take as long to build as this many runs save. */
const RUNS_PER_BUILD = 300;
/** What a smaller tile must save: products with the same tile share a pipeline. */
const LEAST_SAVING = 0.05;

/** The tile that costs a narrow adapter least, building its pipeline included. */
function chooseNarrowShape(limits: PlanLimits, { m, n, k }: MatmulSizes): MatmulShape {
  const { load, share, multiplyAdd, round, build } = NARROW_NS;
  const lanesN = 4;
  const spreads = limits.hasSubgroups && m > 1;
  const perRow = spreads ? load + share : 4 * load;
  let best = { rows: 1, columns: 1, cost: Number.POSITIVE_INFINITY };
  for (const rows of [24, 16, 8, 4, 2, 1]) {
    for (const columns of [8, 4, 2, 1]) {
      const tiles = Math.ceil(m / rows) * Math.ceil(n / (lanesN * columns));
      const perRound =
        round + rows * perRow + 4 * columns * load + 4 * rows * columns * multiplyAdd;
      const cost = tiles * Math.ceil(k / 4) * perRound * RUNS_PER_BUILD + rows * columns * build;
      if (cost < best.cost * (1 - LEAST_SAVING)) best = { rows, columns, cost };
    }
  }
  const { rows, columns } = best;
  return { rows, columns, lanesM: 1, lanesN, spreads, stageK: 0, splitK: k };
}

/** Workgroups that a GPU wants at least: fewer leave processors idle, smaller tiles reuse less. */
const GPU_WORKGROUPS = 256;
/** Workgroups up to which a sum is split. */
const SPLIT_WORKGROUPS = 512;
/** Least terms in a part of a split sum: below, adding the parts costs more than it gains. */
const LEAST_SPLIT = 128;
const STAGE_K = 16;
const GPU_LANES = 16;
/** Sums of a thread, rows by columns: the first that makes enough workgroups is taken. */
const GPU_TILES = [
  [4, 4],
  [4, 2],
  [2, 2],
  [1, 2],
] as const;

/** 256 threads, and the largest tile that keeps a GPU busy (docs/adr/0023-hardware-gpus.md). */
function chooseWideShape({ m, n, k }: MatmulSizes, canSplit: boolean): MatmulShape {
  const stageK = m > 1 && k >= STAGE_K ? STAGE_K : 0;
  const lanesM = Math.min(GPU_LANES, nextPowerOfTwo(m));
  const lanesN = Math.min(Math.max(64 / lanesM, GPU_LANES), Math.max(8, nextPowerOfTwo(n)));
  const mostParts = canSplit ? Math.max(1, Math.floor(k / LEAST_SPLIT)) : 1;
  const tiles = GPU_TILES.map(([mostRows, mostColumns]) => {
    const rows = Math.min(mostRows, Math.ceil(m / lanesM));
    const columns = Math.min(mostColumns, Math.ceil(n / lanesN));
    const workgroups = Math.ceil(m / (lanesM * rows)) * Math.ceil(n / (lanesN * columns));
    return { rows, columns, workgroups };
  });
  const enough = tiles.find(({ workgroups }) => workgroups * mostParts >= GPU_WORKGROUPS);
  const { rows, columns, workgroups } = enough ?? (tiles.at(-1) as (typeof tiles)[number]);
  const wanted = workgroups < GPU_WORKGROUPS ? Math.ceil(SPLIT_WORKGROUPS / workgroups) : 1;
  const parts = Math.min(wanted, mostParts);
  const splitK = parts > 1 ? Math.ceil(k / parts / STAGE_K) * STAGE_K : k;
  return { rows, columns, lanesM, lanesN, spreads: false, stageK, splitK };
}

function nextPowerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

/** Sums of a thread in a resident plan, at most: there are few threads, and each product has little to do. */
const RESIDENT_SUMS = 4;

/** Every lane that runs beside the others gets a tile, as large as leaves none idle. */
function chooseResidentShape(lanes: number, { m, n, k }: MatmulSizes): MatmulShape {
  const sums = Math.max(1, Math.min(RESIDENT_SUMS, Math.floor((m * n) / lanes)));
  const rows = Math.min(m, sums);
  const columns = Math.floor(sums / rows);
  return { rows, columns, lanesM: 1, lanesN: 1, spreads: false, stageK: 0, splitK: k };
}

/**
 * Picks the tile of a product from its sizes and the adapter.
 *
 * @param canSplit - whether its sum over k may be cut into parts.
 */
export function chooseMatmulShape(
  limits: PlanLimits,
  sizes: MatmulSizes,
  canSplit: boolean,
): MatmulShape {
  const { residentLanes, laneWidth } = limits;
  if (residentLanes !== undefined) {
    // The quads of a CPU take turns.
    const lanes = isNarrow(limits) ? Math.min(residentLanes, laneWidth) : residentLanes;
    return chooseResidentShape(lanes, sizes);
  }
  return isNarrow(limits) ? chooseNarrowShape(limits, sizes) : chooseWideShape(sizes, canSplit);
}
