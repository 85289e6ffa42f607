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

/**
 * Tiles that pass through workgroup memory, by falling size. The larger one reads each number less often; the smaller
 * ones wait less for a barrier where they stage more terms at a time.
 */
const STAGED = [
  { rows: 8, columns: 4, lanesM: 16, lanesN: 16, stageK: 16 },
  { rows: 4, columns: 4, lanesM: 16, lanesN: 16, stageK: 32 },
  { rows: 4, columns: 4, lanesM: 16, lanesN: 8, stageK: 32 },
].map((tile) => ({ ...tile, slices: 1 }));
/** The first so many of them are better with all of k than the first one with parts of it. */
const WHOLE_FIRST = 2;

/** When products stage (docs/adr/0042-staged-products.md). */
const STAGES = {
  /** Workgroups at least, and so many where parts of k can make them. */
  workgroups: 96,
  wanted: 128,
  /** With so many workgroups a processor has others to run while one waits: few terms at a time are enough. */
  many: 256,
  partTerms: 256,
  /** Terms at least. */
  terms: 32,
  /** Of the tiles' area, so much at least lies in the product. */
  used: 0.6,
};

/**
 * The largest tile that makes as many workgroups as there may be processors: staged where there are so many, else
 * of threads that slice the sums, since a GPU waits for each load some hundred clocks.
 *
 * @param canSplit - whether the sum over k may be cut into parts.
 */
export function applyWideRule(
  limits: PlanLimits,
  sizes: MatmulSizes,
  canSplit: boolean,
): MatmulShape {
  return chooseStaged(limits, sizes, canSplit) ?? chooseSliced(limits, sizes, canSplit);
}

function chooseStaged(
  limits: PlanLimits,
  sizes: MatmulSizes,
  canSplit: boolean,
): MatmulShape | undefined {
  const { m, n, k } = sizes;
  if (k < STAGES.terms) return undefined;
  const tiles = STAGED.filter((tile) => {
    const lanes = tile.lanesM * tile.lanesN;
    const area = countGroups(sizes, tile) * lanes * tile.rows * tile.columns;
    return lanes <= limits.maxComputeInvocationsPerWorkgroup && m * n >= STAGES.used * area;
  });
  const mostParts = canSplit ? countParts(k, STAGES.partTerms) : 1;
  const fills = (parts: number) => (tile: (typeof STAGED)[number]) =>
    countGroups(sizes, tile) * parts >= STAGES.workgroups;
  const tile = tiles.slice(0, WHOLE_FIRST).find(fills(1)) ?? tiles.find(fills(mostParts));
  if (!tile) return undefined;
  const groups = countGroups(sizes, tile);
  const parts = Math.min(mostParts, Math.ceil(STAGES.wanted / groups));
  const whole = { ...tile, spreads: false, splitK: k };
  const isRoomy = bytesOf(whole) <= limits.maxComputeWorkgroupStorageSize;
  const stageK = groups * parts >= STAGES.many || !isRoomy ? 16 : tile.stageK;
  return { ...whole, stageK, splitK: cutTerms(k, parts, stageK) };
}

function chooseSliced(limits: PlanLimits, sizes: MatmulSizes, canSplit: boolean): MatmulShape {
  const { k } = sizes;
  const mostParts = canSplit ? countParts(k, WIDE.partTerms) : 1;
  const shapes = TILES.map((tile) => ({
    ...layOut(limits, sizes, tile),
    ...{ spreads: false, splitK: k },
  })).filter((shape) => bytesOf(shape) <= limits.maxComputeWorkgroupStorageSize);
  const enough = shapes.find((shape) => countGroups(sizes, shape) * mostParts >= WIDE.workgroups);
  const shape = enough ?? (shapes.at(-1) as MatmulShape);
  const parts = Math.min(mostParts, Math.ceil(WIDE.workgroups / countGroups(sizes, shape)));
  return { ...shape, splitK: cutTerms(k, parts, 4) };
}

/** Parts of k, of so many terms or more. */
function countParts(k: number, terms: number): number {
  return Math.max(1, Math.floor(k / terms));
}

/** Terms of each of `parts` parts of k, in multiples of what a round takes. */
function cutTerms(k: number, parts: number, round: number): number {
  return parts > 1 ? round * Math.ceil(k / parts / round) : k;
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
