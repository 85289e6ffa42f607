import type { PlanLimits, Walk } from '../graph/operator.ts';
import { powerOfTwo, splitEvenly } from './grid.ts';
import { type RecurrenceDirection, workgroupBytes } from './recurrence-memory.ts';
import type { RecurrenceAttributes, RecurrenceShape } from './recurrence-shape.ts';

/** How a recurrence is walked. */
export interface WalkUse {
  readonly direction: RecurrenceDirection;
  readonly strategy: Walk;
  /** Recurrences that share its dispatches, itself among them. */
  readonly tracks: number;
}

/** What a GPU was seen to want (docs/adr/0023-hardware-gpus.md). */
const WIDE = {
  rows: 4,
  /** Persistent: the rows of a batch are spread over so many workgroups before a thread takes a second one. */
  rowGroups: 16,
  /** Stepwise: so many workgroups before one takes more units. */
  workgroups: 128,
  /** All threads of a dispatch, up to which sums are sliced. */
  threads: 65_536,
  slices: 16,
  /** Least quads of k for a slice. */
  quads: 4,
};

/** Batch rows of a persistent workgroup: as few as there may be processors for. */
export function spreadRows(batch: number): number {
  return splitEvenly(batch, Math.min(WIDE.rows, Math.ceil(batch / WIDE.rowGroups)));
}

/**
 * A GPU waits for each load, some hundred clocks: many threads with little to do each, in as many workgroups as
 * there may be processors.
 */
export function applyWideRule(
  limits: PlanLimits,
  attributes: RecurrenceAttributes,
  { direction, strategy, tracks }: WalkUse,
): RecurrenceShape {
  const { cell, batch, hiddenSize } = attributes;
  const width = Math.max(4, limits.laneWidth);
  const most = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  const persists = strategy === 'persistent';
  const rows = persists ? spreadRows(batch) : splitEvenly(batch, WIDE.rows);
  const groups = Math.ceil(batch / rows);
  const tiles = [64, 32, 16].map((lanes) => Math.min(lanes, most));
  const fills = (lanes: number) =>
    tracks * groups * Math.ceil(hiddenSize / lanes) >= WIDE.workgroups;
  const lanes = persists
    ? Math.min(most, 256, Math.ceil(hiddenSize / width) * width)
    : (tiles.find(fills) ?? (tiles.at(-1) as number));
  const unitTile = persists ? hiddenSize : lanes;
  const flags = { productsApart: false, spreads: false, stages: false, heldQuads: 0 };
  const bare = { strategy, rows, units: 1, lanes, unitTile, ...flags };
  const fits = (shape: RecurrenceShape) =>
    workgroupBytes(attributes, direction, shape) <= limits.maxComputeWorkgroupStorageSize;
  const threads = tracks * groups * Math.ceil(hiddenSize / unitTile) * lanes;
  const quads = Math.ceil(hiddenSize / 4);
  const mostSlices = Math.min(
    WIDE.slices,
    most / lanes,
    quads / WIDE.quads,
    WIDE.threads / threads,
  );
  for (let slices = cell.multiplies ? powerOfTwo(mostSlices) : 1; slices > 1; slices /= 2) {
    const shape = { ...bare, stages: true, slices };
    if (fits(shape)) return shape;
  }
  const whole = { ...bare, stages: true, slices: 1 };
  return fits(whole) ? whole : { ...bare, slices: 1 };
}
