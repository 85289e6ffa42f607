import type { RecurrenceAttributes, RecurrenceShape } from './recurrence-shape.ts';

/** Which way a recurrence kernel walks. */
export type RecurrenceDirection = 'forward' | 'backward';

/** Sums that a thread holds for each unit and row: one per gate forward, one backward. */
export function sumsPerUnit(
  { cell }: Pick<RecurrenceAttributes, 'cell'>,
  direction: RecurrenceDirection,
): number {
  return direction === 'forward' ? cell.gates.length : 1;
}

/** FLOPs of the recurrent products of a whole walk, one way. */
export function flopsOfWalk({
  cell,
  steps,
  batch,
  hiddenSize,
}: Pick<RecurrenceAttributes, 'cell' | 'steps' | 'batch' | 'hiddenSize'>): number {
  return 2 * steps * batch * cell.gates.length * hiddenSize * hiddenSize;
}

/**
 * Whether what a step hands to the next one goes through workgroup memory: where one workgroup walks all steps, and
 * nothing but the cell's phases stands between them. Its units are in one tile: backward, a tile would overwrite what
 * the next one still reads.
 */
export function carriesOver(
  { cell, steps, hiddenSize }: Pick<RecurrenceAttributes, 'cell' | 'steps' | 'hiddenSize'>,
  {
    strategy,
    stages,
    lanes,
    units,
  }: Pick<RecurrenceShape, 'strategy' | 'stages' | 'lanes' | 'units'>,
): boolean {
  const isOneTile = lanes * units >= hiddenSize;
  return strategy === 'persistent' && stages && steps > 1 && isOneTile && !cell.norms;
}

/**
 * Bytes of workgroup memory that a shape takes: what is staged and handed from step to step, sums that slices share,
 * and where the cell normalises parts of its rows' sums (`shaders/lib/normalize.wgsl`).
 *
 * @param stagedGates - backward only: gates that are staged together.
 */
export function workgroupBytes(
  attributes: Pick<RecurrenceAttributes, 'cell' | 'hiddenSize' | 'steps'>,
  direction: RecurrenceDirection,
  shape: Omit<RecurrenceShape, 'unitTile'>,
  stagedGates = 1,
): number {
  const { rows, units, lanes, slices, stages, heldQuads } = shape;
  const gates = attributes.cell.gates.length;
  const vectors =
    direction === 'forward' ? { staged: 1, carried: 1 } : { staged: stagedGates, carried: gates };
  const carried = carriesOver(attributes, shape) ? vectors.carried : 0;
  const row = stages ? 16 * Math.ceil(attributes.hiddenSize / 4) : 0;
  const handed = rows * row * (vectors.staged + carried);
  const sums = rows * units * sumsPerUnit(attributes, direction);
  const threads = lanes * slices;
  const rowSums = threads + Math.floor(threads / Math.min(rows, threads)) + rows;
  const sumsMeet = slices > 1 && heldQuads === 0;
  return handed + (sumsMeet ? 4 * sums * threads : 0) + (attributes.cell.norms ? 8 * rowSums : 0);
}
