import type { PlanLimits } from '../graph/operator.ts';
import { powerOfTwo } from './grid.ts';
import type { MatmulShape, MatmulSizes } from './matmul-shape.ts';

/** What a GPU was seen to want (docs/adr/0036-slices-of-products.md). */
const WIDE = {
  /** Workgroups at least: fewer leave processors idle, smaller tiles reuse less. */
  workgroups: 256,
  threads: 256,
  lanesN: 16,
  /** Least terms of a slice. */
  sliceTerms: 8,
  /** Least terms in a part of a split sum: adding the parts is a launch of its own. */
  partTerms: 512,
};

/** Sums of a thread and threads over rows, by falling size: the other threads of a workgroup slice the sums. */
const TILES = [
  { rows: 4, columns: 4, lanesM: 4 },
  { rows: 4, columns: 4, lanesM: 2 },
  { rows: 4, columns: 4, lanesM: 1 },
  { rows: 4, columns: 2, lanesM: 1 },
  { rows: 2, columns: 2, lanesM: 1 },
  { rows: 2, columns: 1, lanesM: 1 },
  { rows: 1, columns: 1, lanesM: 1 },
] as const;
type Tile = (typeof TILES)[number];

/** Without slices, a tile reads each number least often where it stages; so many workgroups need no slices. */
const STAGED = { rows: 4, columns: 4, lanesM: 16, lanesN: 16, stageK: 16, slices: 1 };
const STAGED_WORKGROUPS = 512;

/**
 * A GPU waits for each load, some hundred clocks: the largest tile that makes as many workgroups as there may be
 * processors, of threads that slice the sums.
 *
 * @param canSplit - whether the sum over k may be cut into parts.
 */
export function applyWideRule(
  limits: PlanLimits,
  sizes: MatmulSizes,
  canSplit: boolean,
): MatmulShape {
  const { k } = sizes;
  const whole = { spreads: false, splitK: k };
  const staged = { ...STAGED, ...whole };
  const hasThreads = STAGED.lanesM * STAGED.lanesN <= limits.maxComputeInvocationsPerWorkgroup;
  if (k >= STAGED.stageK && hasThreads && countGroups(sizes, staged) >= STAGED_WORKGROUPS) {
    return staged;
  }
  const mostParts = canSplit ? Math.max(1, Math.floor(k / WIDE.partTerms)) : 1;
  const shapes = TILES.map((tile) => ({ ...layOut(limits, sizes, tile), ...whole })).filter(
    (shape) => bytesOf(shape) <= limits.maxComputeWorkgroupStorageSize,
  );
  const enough = shapes.find((shape) => countGroups(sizes, shape) * mostParts >= WIDE.workgroups);
  const shape = enough ?? (shapes.at(-1) as MatmulShape);
  const parts = Math.min(mostParts, Math.ceil(WIDE.workgroups / countGroups(sizes, shape)));
  return parts > 1 ? { ...shape, splitK: 4 * Math.ceil(k / parts / 4) } : shape;
}

/** Threads of a workgroup that are not for rows of the tile go to slices, as far as k has terms for them. */
function layOut({ maxComputeInvocationsPerWorkgroup }: PlanLimits, sizes: MatmulSizes, tile: Tile) {
  const { m, n, k } = sizes;
  const lines = Math.min(WIDE.threads, maxComputeInvocationsPerWorkgroup) / WIDE.lanesN;
  const mostM = nextPowerOfTwo(Math.ceil(m / tile.rows));
  const slices = powerOfTwo(Math.min(lines / Math.min(tile.lanesM, mostM), k / WIDE.sliceTerms));
  const lanesM = Math.min(lines / slices, mostM);
  const lanesN = Math.min(WIDE.lanesN, Math.max(8, nextPowerOfTwo(n)));
  const rows = Math.min(tile.rows, Math.ceil(m / lanesM));
  const columns = Math.min(tile.columns, Math.ceil(n / lanesN));
  return { rows, columns, lanesM, lanesN, stageK: 0, slices };
}

function countGroups(
  { m, n }: MatmulSizes,
  { rows, columns, lanesM, lanesN }: Pick<MatmulShape, 'rows' | 'columns' | 'lanesM' | 'lanesN'>,
): number {
  return Math.ceil(m / (lanesM * rows)) * Math.ceil(n / (lanesN * columns));
}

/** Workgroup memory that a shape takes, sums of columns included. */
export function bytesOf({ rows, columns, lanesM, lanesN, stageK, slices }: MatmulShape): number {
  const staged = stageK * (lanesM * rows + lanesN * columns + 8);
  const sliced = slices > 1 ? slices * lanesM * rows * (lanesN * columns + 1) : 0;
  return 4 * (staged + sliced);
}

function nextPowerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}
