import type { PlanLimits } from '../graph/operator.ts';
import { isNarrow, LARGE_FLOPS, LARGE_ROWS } from './grid.ts';
import { applyWideRule } from './matmul-wide-shape.ts';

/** Sizes of a product C [m, n] = A [m, k]·B [k, n]. */
export interface MatmulSizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** How often it runs each time its plan does; 1 where absent. */
  readonly repeats?: number;
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
  /** Threads that share a sum, each with a part of k. Without stages and spreads. */
  readonly slices: number;
  /** Terms in one part of the sum; parts beyond the first are added by a launch of their own. */
  readonly splitK: number;
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
/**
 * Rows of a tile, and its sums at most. Quads have nothing between 48 and 256 sums: code that does not fit into an
 * instruction cache must be much more to win (docs/adr/0050-small-tiles.md). Vectors of eight lanes and more fill what
 * their driver keeps near at hand with fewer.
 */
const NARROW_TILES = {
  quads: { rows: [12, 8, 4, 2, 1], sums: 48 },
  largeOfQuads: { rows: [LARGE_ROWS, 16, 12, 8, 4, 2, 1], sums: 8 * LARGE_ROWS },
  wider: { rows: [16, 8, 4, 2, 1], sums: 128 },
};

function narrowTilesFor(lanesN: number, { m, n, k, repeats = 1 }: MatmulSizes) {
  if (lanesN > 4) return NARROW_TILES.wider;
  return 2 * m * n * k * repeats >= LARGE_FLOPS ? NARROW_TILES.largeOfQuads : NARROW_TILES.quads;
}

/** The tile that costs a narrow adapter least, building its pipeline included. */
function chooseNarrowShape(limits: PlanLimits, sizes: MatmulSizes): MatmulShape {
  const { m, n, k, repeats = 1 } = sizes;
  const { load, share, multiplyAdd, round, build } = NARROW_NS;
  const lanesN = Math.max(4, limits.laneWidth);
  const spreads = limits.hasSubgroups && m > 1;
  const perRow = spreads ? load + share : 4 * load;
  let best = { rows: 1, columns: 1, cost: Number.POSITIVE_INFINITY };
  const most = narrowTilesFor(lanesN, sizes);
  for (const rows of most.rows) {
    for (const columns of [8, 4, 2, 1].filter((count) => rows * count <= most.sums)) {
      const tiles = Math.ceil(m / rows) * Math.ceil(n / (lanesN * columns));
      const perRound =
        round + rows * perRow + 4 * columns * load + 4 * rows * columns * multiplyAdd;
      const runs = repeats * RUNS_PER_BUILD;
      const cost = tiles * Math.ceil(k / 4) * perRound * runs + rows * columns * build;
      if (cost < best.cost * (1 - LEAST_SAVING)) best = { rows, columns, cost };
    }
  }
  const { rows, columns } = best;
  return { rows, columns, lanesM: 1, lanesN, spreads, stageK: 0, slices: 1, splitK: k };
}

/**
 * A shape of quads that has 48 sums or more, with the tile of large products: a tenth faster where the product fills it,
 * and it gives the same bits, as each lane adds up its columns in the same order; sums of A's columns beside it add up in
 * another. None for few rows.
 */
export function enlargeShape({ m }: MatmulSizes, shape: MatmulShape): MatmulShape | undefined {
  const { quads, largeOfQuads } = NARROW_TILES;
  const rows = largeOfQuads.rows[0] as number;
  const sums = shape.rows * shape.columns;
  const isBetween = sums >= quads.sums && sums < largeOfQuads.sums;
  if (!shape.spreads || shape.lanesN > 4 || !isBetween || m <= rows / 2) return undefined;
  return { ...shape, rows, columns: largeOfQuads.sums / rows };
}

/**
 * Whether launches of their own add up A's rows beside such a product: a sixteenth of its loop for a large tile of
 * quads, and a tenth of what that takes to build (docs/adr/0052-products-apart.md).
 */
export function hasSumsApart(limits: PlanLimits, { rows, columns, spreads }: MatmulShape): boolean {
  return isNarrow(limits) && spreads && rows * columns > NARROW_TILES.quads.sums;
}

/** Sums of a thread in a resident plan, at most: there are few threads, and each product has little to do. */
const RESIDENT_SUMS = 4;

/** Every lane that runs beside the others gets a tile, as large as leaves none idle. */
function chooseResidentShape(lanes: number, { m, n, k }: MatmulSizes): MatmulShape {
  const sums = Math.max(1, Math.min(RESIDENT_SUMS, Math.floor((m * n) / lanes)));
  const rows = Math.min(m, sums);
  const columns = Math.floor(sums / rows);
  return { rows, columns, lanesM: 1, lanesN: 1, spreads: false, stageK: 0, slices: 1, splitK: k };
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
  return isNarrow(limits)
    ? chooseNarrowShape(limits, sizes)
    : applyWideRule(limits, sizes, canSplit);
}
