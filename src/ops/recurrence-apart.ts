import type { PlanLimits } from '../graph/operator.ts';
import { hasQuads, isNarrow, LARGE_FLOPS, LARGE_ROWS, splitEvenly } from './grid.ts';
import { flopsOfWalk } from './recurrence-memory.ts';
import type { RecurrenceAttributes, RecurrenceShape } from './recurrence-shape.ts';

/** Rows of its tiles that a batch may leave empty, as a share of it. */
const MOST_SPARE = 1 / 8;
/** Threads of a workgroup on a GPU. */
const WIDE_LANES = 64;

/** Why a step's products cannot be launches of their own; undefined if they can. */
export function findApartObstacle(attributes: RecurrenceAttributes): string | undefined {
  const { cell, steps, hiddenSize, stateSize = hiddenSize } = attributes;
  if (!cell.multiplies || cell.norms || stateSize < hiddenSize) {
    return 'the cell multiplies nothing, normalises its products or projects its state';
  }
  return steps === 1 ? 'a single step reads its state where it is given' : undefined;
}

/** The shape of kernels that do the cell only; a thread takes one unit of some rows. */
export function apartShape(limits: PlanLimits, { batch }: RecurrenceAttributes): RecurrenceShape {
  const lanes = isNarrow(limits)
    ? Math.max(4, limits.laneWidth)
    : Math.min(
        WIDE_LANES,
        limits.maxComputeInvocationsPerWorkgroup,
        limits.maxComputeWorkgroupSizeX,
      );
  return {
    strategy: 'stepwise',
    productsApart: true,
    rows: isNarrow(limits) ? splitEvenly(batch, LARGE_ROWS) : 1,
    units: 1,
    lanes,
    unitTile: lanes,
    spreads: false,
    stages: false,
    slices: 1,
    heldQuads: 0,
  };
}

/**
 * The shape above where it pays unasked: a narrow adapter of quads is so long busy with a kernel of 256 sums that one
 * for all of a plan's large products is worth what they cost through memory (docs/adr/0052-products-apart.md). A batch
 * has to fill its tiles.
 */
export function applyApartRule(
  limits: PlanLimits,
  attributes: RecurrenceAttributes,
): RecurrenceShape | undefined {
  const { batch } = attributes;
  const spare = Math.ceil(batch / LARGE_ROWS) * LARGE_ROWS - batch;
  const pays =
    hasQuads(limits) &&
    limits.residentLanes === undefined &&
    limits.hasSubgroups &&
    flopsOfWalk(attributes) >= LARGE_FLOPS &&
    spare <= MOST_SPARE * batch;
  return pays && findApartObstacle(attributes) === undefined
    ? apartShape(limits, attributes)
    : undefined;
}
