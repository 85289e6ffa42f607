import type { PlanLimits } from '../graph/operator.ts';
import { isNarrow } from './matmul-shape.ts';
import type { RecurrenceAttributes, RecurrenceShape } from './recurrence-shape.ts';

/** Threads that share a unit's sums where weights are held: the lanes of a quad. */
const HOLD_SLICES = 4;

/** Units whose sums a quad takes: each number of the state that is loaded serves as many. */
const UNITS = 8;

/**
 * Most numbers that a thread keeps: on a software adapter each of them is code, which takes time to build; those of a
 * GPU are to stay in registers.
 */
const MOST_NUMBERS = { narrow: 2048, wide: 128 };

/**
 * Fewest steps of a dispatch that earn back what it costs to load the weights into the threads: about as much as six
 * steps that load them one by one (docs/adr/0029-weights-held-by-threads-after-all.md).
 */
const LEAST_STEPS = 16;

/** Whether weights of one row are held on an adapter, unasked: a CPU whose subgroups are quads. */
export function holdsRows(limits: PlanLimits): boolean {
  return isNarrow(limits) && limits.laneWidth <= HOLD_SLICES && limits.hasSubgroups;
}

/** Threads that hold the weights of one row on a software adapter. */
export function countHoldThreads(hiddenSize: number): number {
  return HOLD_SLICES * Math.ceil(hiddenSize / UNITS);
}

/** Numbers of weights that a thread of such a shape keeps. */
function heldNumbers(
  { cell, hiddenSize }: Pick<RecurrenceAttributes, 'cell' | 'hiddenSize'>,
  { units, slices }: Pick<RecurrenceShape, 'units' | 'slices'>,
): number {
  return 4 * Math.ceil(Math.ceil(hiddenSize / 4) / slices) * units * cell.gates.length;
}

/** Why a recurrence's forward kernel cannot hold its weights; undefined if it can. */
export function findHoldObstacle(
  limits: PlanLimits,
  attributes: RecurrenceAttributes,
  shape: RecurrenceShape,
): string | undefined {
  const { cell, hiddenSize, stateSize = hiddenSize } = attributes;
  const { rows, units, lanes, slices, stages, spreads, strategy } = shape;
  if (!limits.hasSubgroups) return 'the feature subgroups is missing';
  if (!cell.multiplies || cell.norms || stateSize < hiddenSize) {
    return 'the cell multiplies nothing, normalises its products or projects its state';
  }
  if (strategy !== 'persistent' || lanes * units < hiddenSize) return 'units are in several tiles';
  if (rows > 1 || slices !== HOLD_SLICES || !stages || spreads) {
    return `a thread has one row, slices are ${HOLD_SLICES}, with stages and without spreads`;
  }
  const most = MOST_NUMBERS[isNarrow(limits) ? 'narrow' : 'wide'];
  const numbers = heldNumbers(attributes, shape);
  return numbers > most ? `a thread would keep ${numbers} numbers, at most ${most}` : undefined;
}

/**
 * The shape with which one row's weights stay in the memory of the threads, for software adapters: there a load of
 * a thread's own memory is one instruction, any other about a hundred. Undefined where it does not pay or fit.
 */
export function applyHoldRule(
  limits: PlanLimits,
  attributes: RecurrenceAttributes,
): RecurrenceShape | undefined {
  const { residentLanes, residentHolds = residentLanes === undefined } = limits;
  const { batch, steps, hiddenSize } = attributes;
  if (!holdsRows(limits) || batch > 1) return undefined;
  if (!residentHolds || (residentLanes === undefined && steps < LEAST_STEPS)) return undefined;
  const lanes = (residentLanes ?? countHoldThreads(hiddenSize)) / HOLD_SLICES;
  const units = Math.ceil(hiddenSize / lanes);
  const shape = shapeOf(hiddenSize, { units, lanes });
  const most = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  const fits =
    lanes * HOLD_SLICES <= most && findHoldObstacle(limits, attributes, shape) === undefined;
  return fits ? shape : undefined;
}

/** Shapes that hold weights, to be measured. */
export function listHeldShapes(
  limits: PlanLimits,
  { hiddenSize }: RecurrenceAttributes,
): RecurrenceShape[] {
  const width = isNarrow(limits) ? 1 : Math.max(1, limits.laneWidth / HOLD_SLICES);
  return [1, 2, 4, UNITS].map((units) => {
    const lanes = Math.ceil(Math.ceil(hiddenSize / units) / width) * width;
    return shapeOf(hiddenSize, { units, lanes });
  });
}

function shapeOf(
  unitTile: number,
  tile: Pick<RecurrenceShape, 'units' | 'lanes'>,
): RecurrenceShape {
  const flags = { rows: 1, spreads: false, stages: true, slices: HOLD_SLICES, holds: true };
  return { strategy: 'persistent', ...tile, unitTile, ...flags };
}
