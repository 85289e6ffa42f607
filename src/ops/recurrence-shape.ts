import type { Cell } from '../cells/cell.ts';
import type { Lowering, Strategy } from '../graph/operator.ts';
import { unrollFactor } from './matmul-launch.ts';

/** What a recurrence node is: a cell walking over time in one direction. */
export interface RecurrenceAttributes {
  readonly cell: Cell;
  readonly steps: number;
  readonly batch: number;
  readonly hiddenSize: number;
  /** Walks from the last time step to the first; outputs keep their time index. */
  readonly reverse: boolean;
}

/** Which of a recurrence's outputs have a gradient. */
export interface RecurrenceGradientAttributes extends RecurrenceAttributes {
  readonly hasOutputGradient: boolean;
  readonly hasFinalGradient: boolean;
}

/** Where the states of all time steps lie, in floats; see `shaders/kernels/recurrence-forward.wgsl`. */
export interface HistoryLayout {
  /** Floats of one section; there is one per state and one per phase vector. */
  readonly sectionSize: number;
  readonly sections: number;
  /** Where y[0] lies in a section: a multiple of 64, so that y can be bound on its own. */
  readonly yOrigin: number;
  /** Where the state after `position` steps of processing lies in a section; 0 is the initial state. */
  slot(position: number): number;
}

const ALIGNMENT_FLOATS = 64;

function align(floats: number): number {
  return Math.ceil(floats / ALIGNMENT_FLOATS) * ALIGNMENT_FLOATS;
}

/** The layout of a recurrence's history. */
export function layOutHistory(attributes: RecurrenceAttributes): HistoryLayout {
  const { cell, steps, batch, hiddenSize, reverse } = attributes;
  const row = batch * hiddenSize;
  const yOrigin = reverse ? 0 : align(row);
  return {
    sectionSize: align(row) + align(steps * row),
    sections: cell.states.length + cell.phases.length - 1,
    yOrigin,
    slot: (position) =>
      reverse ? yOrigin + (steps - position) * row : yOrigin + (position - 1) * row,
  };
}

/** How a recurrence kernel is laid over rows, units and time. */
export interface RecurrenceShape {
  readonly strategy: Strategy;
  readonly rows: number;
  readonly units: number;
  readonly lanes: number;
  readonly unitTile: number;
  readonly kUnroll: number;
}

/** Largest hidden size whose units one workgroup still walks by itself unless told otherwise. */
const PERSISTENT_HIDDEN_SIZE = 256;
/**
 * Batch rows per thread: each weight that is loaded serves this many rows. A narrow (software) adapter pays
 * per load; a GPU reads 4·gates·H² bytes of weights per step and workgroup from its cache in about the time
 * that four rows take to multiply, and wants more workgroups.
 */
const ROWS = { narrow: 8, wide: 4 };

/** Threads that a narrow adapter's workgroup keeps at least, where the layer is that wide. */
const NARROW_LANES = 16;

function splitEvenly(total: number, most: number): number {
  return Math.ceil(total / Math.ceil(total / most));
}

/**
 * Picks strategy and register tile of a recurrence from its sizes and the adapter's limits.
 *
 * @param mostUnits - hidden units per thread on a narrow adapter; backward holds one sum per unit and can
 *   afford more.
 */
export function chooseRecurrenceShape(
  lowering: Lowering,
  attributes: RecurrenceAttributes,
  mostUnits: number,
  requested: Strategy | undefined,
): RecurrenceShape & { readonly reason: string } {
  const { batch, hiddenSize } = attributes;
  const { limits } = lowering;
  const width = Math.max(4, limits.laneWidth);
  const maxLanes = Math.min(
    limits.maxComputeInvocationsPerWorkgroup,
    limits.maxComputeWorkgroupSizeX,
    256,
  );
  const fits = hiddenSize <= PERSISTENT_HIDDEN_SIZE;
  const strategy = requested ?? (fits ? 'persistent' : 'stepwise');
  const reason = requested
    ? 'asked for'
    : fits
      ? `hidden ${hiddenSize} ≤ ${PERSISTENT_HIDDEN_SIZE}: one workgroup walks all units of its batch rows`
      : `hidden ${hiddenSize} > ${PERSISTENT_HIDDEN_SIZE}: units are spread over workgroups, one dispatch per step`;
  // A narrow adapter pays per load: each is spread over many units, and a long unrolled loop gains nothing.
  const isNarrow = width <= 4;
  const unitsPerLane = isNarrow
    ? Math.max(1, Math.min(mostUnits, Math.floor(hiddenSize / NARROW_LANES)))
    : 1;
  const kUnroll = isNarrow ? 1 : unrollFactor(limits, hiddenSize);
  const rows = splitEvenly(batch, isNarrow ? ROWS.narrow : ROWS.wide);
  if (strategy === 'persistent') {
    const wanted = Math.ceil(hiddenSize / unitsPerLane);
    const lanes = Math.min(maxLanes, Math.ceil(wanted / width) * width);
    return { strategy, rows, units: unitsPerLane, lanes, unitTile: hiddenSize, kUnroll, reason };
  }
  const lanes = isNarrow ? 4 : Math.min(64, maxLanes);
  const unitTile = lanes * unitsPerLane;
  return { strategy, rows, units: unitsPerLane, lanes, unitTile, kUnroll, reason };
}

/**
 * Floating-point operations one dispatch may carry: about a quarter of a second on a slow software
 * adapter, milliseconds on a GPU. Longer recurrences are cut into several dispatches.
 */
const FLOPS_PER_DISPATCH = 5e8;

/** The spans of steps that a persistent recurrence's dispatches carry. */
export function cutSteps(steps: number, flopsPerStep: number): { first: number; count: number }[] {
  const most = Math.max(1, Math.floor(FLOPS_PER_DISPATCH / Math.max(1, flopsPerStep)));
  const size = splitEvenly(steps, most);
  const spans = [];
  for (let first = 0; first < steps; first += size) {
    spans.push({ first, count: Math.min(size, steps - first) });
  }
  return spans;
}
