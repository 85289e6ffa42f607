import type { PlanLimits } from '../graph/operator.ts';
import { isNarrow } from './grid.ts';
import { type RecurrenceDirection, workgroupBytes } from './recurrence-memory.ts';
import type { RecurrenceAttributes, RecurrenceShape } from './recurrence-shape.ts';

/** Threads that share a unit's sums where weights are held: the lanes of a quad. */
const HOLD_SLICES = 4;

/** Units whose sums a quad takes: each number of the state that is loaded serves as many. */
const UNITS = 8;

/**
 * Most numbers that a thread keeps: on a software adapter each of them is code, which takes time to build; those of a
 * GPU are to stay in registers.
 */
const MOST_NUMBERS = { narrow: 4096, wide: 128 };

/**
 * Workgroups over which a GPU spreads the rows of a batch before a thread takes a second one: registers have room for
 * one at a time, and those that wait for another cost more than weights that are loaded. More rows than that are not
 * held.
 */
const ROW_GROUPS = 32;
const MOST_ROWS = 4;

/**
 * Fewest steps of a dispatch that earn back what it costs to load the weights into the threads: about as much as six
 * steps that load them one by one (docs/adr/0029-weights-held-by-threads-after-all.md), as one on a GPU.
 */
const LEAST_STEPS = { narrow: 16, wide: 4 };

/**
 * Most rows, and most multiply-adds of a thread's rows with the numbers that it keeps, with which a software adapter
 * holds weights unasked: more save less than it takes to build their pipelines
 * (docs/adr/0033-held-weights-of-a-few-rows.md). Where nothing but the forward pass is computed, that is most of the
 * work.
 */
const NARROW = {
  forward: { batch: 2, products: 2048 },
  inference: { batch: 8, products: 4096 },
  backward: { batch: 2, products: 1024 },
};

/** Whether weights of a few rows are held on an adapter, unasked: a CPU whose subgroups are quads. */
export function holdsRows(limits: PlanLimits): boolean {
  return isNarrow(limits) && limits.laneWidth <= HOLD_SLICES && limits.hasSubgroups;
}

/** Threads that hold the weights of one row on a software adapter. */
export function countHoldThreads(hiddenSize: number): number {
  return HOLD_SLICES * Math.ceil(hiddenSize / UNITS);
}

/** Quads of k that a thread sums up. */
function sliceQuads(hiddenSize: number): number {
  return Math.ceil(Math.ceil(hiddenSize / 4) / HOLD_SLICES);
}

/** Numbers of weights that a thread keeps. */
function heldNumbers(
  { heldQuads, units }: Pick<RecurrenceShape, 'heldQuads' | 'units'>,
  { gates }: RecurrenceAttributes['cell'],
): number {
  return 4 * heldQuads * units * gates.length;
}

/** Why a recurrence's kernels cannot hold their weights; undefined if they can. */
export function findHoldObstacle(
  limits: PlanLimits,
  attributes: RecurrenceAttributes,
  direction: RecurrenceDirection,
  shape: RecurrenceShape,
): string | undefined {
  const { cell, hiddenSize, stateSize = hiddenSize } = attributes;
  const { units, lanes, slices, stages, spreads, strategy, heldQuads } = shape;
  if (!limits.hasSubgroups) return 'the feature subgroups is missing';
  if (!cell.multiplies || cell.norms || stateSize < hiddenSize) {
    return 'the cell multiplies nothing, normalises its products or projects its state';
  }
  if (strategy !== 'persistent' || lanes * units < hiddenSize) return 'units are in several tiles';
  const needsStages = direction === 'backward' || !isNarrow(limits);
  if (slices !== HOLD_SLICES || (needsStages && !stages) || spreads) {
    return `slices are ${HOLD_SLICES}, ${needsStages ? 'with stages and ' : ''}without spreads`;
  }
  const quads = sliceQuads(hiddenSize);
  if (heldQuads > quads) return `a thread sums up ${quads} quads`;
  const most = MOST_NUMBERS[isNarrow(limits) ? 'narrow' : 'wide'];
  const numbers = heldNumbers(shape, cell);
  if (numbers > most) return `a thread would keep ${numbers} numbers, at most ${most}`;
  // The gradients of all gates are staged together.
  const bytes = workgroupBytes(attributes, direction, shape, cell.gates.length);
  const mostBytes = limits.maxComputeWorkgroupStorageSize;
  return bytes > mostBytes
    ? `${bytes} bytes of workgroup memory would be needed, there are ${mostBytes}`
    : undefined;
}

/** The shape with which weights stay with the threads from step to step; undefined where that does not pay or fit. */
export function applyHoldRule(
  limits: PlanLimits,
  attributes: RecurrenceAttributes,
  direction: RecurrenceDirection,
  trains: boolean,
): RecurrenceShape | undefined {
  const shape = isNarrow(limits)
    ? applyNarrowRule(limits, attributes, trains ? direction : 'inference')
    : applyWideRule(limits, attributes);
  if (!shape) return undefined;
  const threads = shape.lanes * HOLD_SLICES;
  const most = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  const obstacle = findHoldObstacle(limits, attributes, direction, shape);
  return threads <= most && obstacle === undefined ? shape : undefined;
}

/**
 * A software adapter keeps those of a few rows in the memory of its threads: there a load of a thread's own memory is
 * one instruction, any other about a hundred. Two workgroups or more, where there are rows for them, for two cores.
 */
function applyNarrowRule(
  limits: PlanLimits,
  { cell, batch, steps, hiddenSize }: RecurrenceAttributes,
  purpose: keyof typeof NARROW,
): RecurrenceShape | undefined {
  const { residentLanes, residentHolds } = limits;
  if (!holdsRows(limits)) return undefined;
  if (residentLanes !== undefined) {
    if (!residentHolds || batch > 1 || purpose === 'backward') return undefined;
    const lanes = residentLanes / HOLD_SLICES;
    const shape = shapeOf(hiddenSize, { units: Math.ceil(hiddenSize / lanes), lanes });
    // The barriers around what is staged cost more than it saves (docs/adr/0043-known-uniforms.md).
    return { ...shape, stages: false };
  }
  const most = NARROW[purpose];
  if (batch > most.batch || steps < LEAST_STEPS.narrow) return undefined;
  const lanes = countHoldThreads(hiddenSize) / HOLD_SLICES;
  const shape = shapeOf(hiddenSize, { units: Math.ceil(hiddenSize / lanes), lanes });
  const rows = Math.min(2, Math.ceil(batch / 2));
  return rows * heldNumbers(shape, cell) <= most.products ? { ...shape, rows } : undefined;
}

/**
 * A GPU keeps in registers what fits into those of one processor, and loads the rest, where that is no more than what
 * it keeps (docs/adr/0032-weights-in-registers.md).
 */
function applyWideRule(
  limits: PlanLimits,
  { cell, batch, steps, hiddenSize }: RecurrenceAttributes,
): RecurrenceShape | undefined {
  const { registers, residentLanes } = limits;
  if (registers === undefined || residentLanes !== undefined || steps < LEAST_STEPS.wide) {
    return undefined;
  }
  const rows = Math.ceil(batch / ROW_GROUPS);
  const lanes = wideLanes(limits, hiddenSize);
  const room = Math.min(MOST_NUMBERS.wide, registers / (lanes * HOLD_SLICES));
  const quads = sliceQuads(hiddenSize);
  const heldQuads = Math.min(quads, Math.floor(room / (4 * cell.gates.length)));
  if (rows > MOST_ROWS || heldQuads < quads / 2) return undefined;
  return { ...shapeOf(hiddenSize, { units: 1, lanes }), rows, heldQuads };
}

/** Shapes that hold weights, to be measured. */
export function listHeldShapes(
  limits: PlanLimits,
  { cell, hiddenSize }: RecurrenceAttributes,
): RecurrenceShape[] {
  if (isNarrow(limits)) {
    return [1, 2, 4, UNITS].map((units) =>
      shapeOf(hiddenSize, { units, lanes: Math.ceil(hiddenSize / units) }),
    );
  }
  return [1, 2, 4].map((units) => {
    const lanes = wideLanes(limits, Math.ceil(hiddenSize / units));
    const shape = shapeOf(hiddenSize, { units, lanes });
    const most = Math.floor(MOST_NUMBERS.wide / (4 * units * cell.gates.length));
    return { ...shape, heldQuads: Math.max(1, Math.min(shape.heldQuads, most)) };
  });
}

/** Quads of threads for so many units, in whole subgroups. */
function wideLanes({ laneWidth }: PlanLimits, units: number): number {
  const width = Math.max(1, laneWidth / HOLD_SLICES);
  return Math.ceil(units / width) * width;
}

/** A shape that holds all weights. */
function shapeOf(
  unitTile: number,
  tile: Pick<RecurrenceShape, 'units' | 'lanes'>,
): RecurrenceShape {
  return {
    strategy: 'persistent',
    rows: 1,
    ...tile,
    unitTile,
    spreads: false,
    stages: true,
    slices: HOLD_SLICES,
    heldQuads: sliceQuads(unitTile),
    productsApart: false,
  };
}
