import type { Cell } from '../cells/cell.ts';
import type { Lowering, PlanLimits, Walk } from '../graph/operator.ts';
import { hasQuads, isNarrow, LARGE_FLOPS, powerOfTwo, splitEvenly } from './grid.ts';
import { applyApartRule } from './recurrence-apart.ts';
import type { RecurrenceExtra } from './recurrence-extras.ts';
import { applyHoldRule } from './recurrence-hold.ts';
import { flopsOfWalk, type RecurrenceDirection, sumsPerUnit } from './recurrence-memory.ts';
import { tuneRecurrence } from './recurrence-tunable.ts';
import { applyWideRule, type WalkUse } from './recurrence-wide-shape.ts';

/** What a recurrence node is: a cell walking over time in one direction. */
export interface RecurrenceAttributes {
  readonly cell: Cell;
  readonly steps: number;
  readonly batch: number;
  readonly hiddenSize: number;
  /** Walks from the last time step to the first; outputs keep their time index. */
  readonly reverse: boolean;
  /** Units of h that are not always zero: fewer than `hiddenSize` where the cell projects h. */
  readonly stateSize?: number;
  /** What it is given beside its states, in the order of `recurrenceExtras`. */
  readonly extras?: readonly RecurrenceExtra[];
}

/** Which of a recurrence's outputs have a gradient. */
export interface RecurrenceGradientAttributes extends RecurrenceAttributes {
  readonly hasOutputGradient: boolean;
  readonly hasFinalGradient: boolean;
}

/** Where the states of all time steps lie, in numbers; see `shaders/kernels/recurrence-forward.wgsl`. */
export interface HistoryLayout {
  /** Numbers of one section; there is one per state and one per phase vector. */
  readonly sectionSize: number;
  readonly sections: number;
  /** Numbers that a state's value takes: 2 for the f16 states behind h. */
  readonly parts: (state: number) => 1 | 2;
  /** Where a state's section begins. */
  stateBegin(state: number): number;
  /** The first phase whose vector the next one multiplies, and which therefore has a section. */
  readonly firstVector: number;
  /** Where the section of the vector that a phase hands to the next one begins. */
  vectorBegin(phase: number): number;
  /** Where the section begins that the first phase multiplies: h, or masked h behind all others. */
  readonly multipliedBegin: number;
  /** Where lies what a phase of the step at a position multiplies: h before it, or what the phase in front made of it. */
  multipliedAt(phase: number, position: number): number;
  /** Where y[0] lies in a section: a multiple of 256 bytes, so that y can be bound on its own. */
  readonly yOrigin: number;
  /** Where the state after `position` steps of processing lies in a section; 0 is the initial state. */
  slot(position: number): number;
}

const ALIGNMENT_BYTES = 256;

/**
 * The layout of a recurrence's history.
 *
 * @param isHalf - of f16 numbers. States behind h then take two each: they add up over time, and f16 alone would
 *   swallow small changes.
 */
export function layOutHistory(attributes: RecurrenceAttributes, isHalf = false): HistoryLayout {
  const alignment = ALIGNMENT_BYTES / (isHalf ? 2 : 4);
  const align = (numbers: number) => Math.ceil(numbers / alignment) * alignment;
  const wide = isHalf ? 2 : 1;
  const { cell, steps, batch, hiddenSize, reverse } = attributes;
  const row = batch * hiddenSize;
  const yOrigin = reverse ? 0 : align(row);
  const sectionSize = align(row) + align(steps * row);
  const stateSections = 1 + wide * (cell.states.length - 1);
  const firstVector = firstVectorOf(cell);
  const sections = stateSections + cell.phases.length - 1 - firstVector;
  const isMasked = attributes.extras?.includes('mask') ?? false;
  const multipliedBegin = isMasked ? sections * sectionSize : 0;
  const vectorBegin = (phase: number) => (stateSections + phase - firstVector) * sectionSize;
  const slot = (position: number) =>
    reverse ? yOrigin + (steps - position) * row : yOrigin + (position - 1) * row;
  return {
    sectionSize,
    sections: isMasked ? sections + 1 : sections,
    firstVector,
    multipliedBegin,
    multipliedAt: (phase, position) =>
      phase === 0 ? multipliedBegin + slot(position) : vectorBegin(phase - 1) + slot(position + 1),
    parts: (state) => (state === 0 ? 1 : wide),
    stateBegin: (state) => (state === 0 ? 0 : (1 + wide * (state - 1)) * sectionSize),
    vectorBegin,
    yOrigin,
    slot,
  };
}

/** The first phase that hands a vector to the next one to be multiplied; the last phase if none does. */
export function firstVectorOf({ phases }: Cell): number {
  const next = phases.findIndex(([first, end], phase) => phase > 0 && end > first);
  return (next < 0 ? phases.length : next) - 1;
}

/** How a recurrence kernel is laid over rows, units and time: what tuning chooses. */
export interface RecurrenceShape {
  readonly strategy: Walk;
  /** The products of each step are launches of their own, and the recurrence's kernel does the cell only. */
  readonly productsApart: boolean;
  /** Batch rows per thread: each weight that is loaded serves this many. */
  readonly rows: number;
  /** Hidden units per thread. */
  readonly units: number;
  /** Threads of a workgroup. */
  readonly lanes: number;
  /** Hidden units per workgroup; all of them where it is persistent. */
  readonly unitTile: number;
  /** A quad shares its loads of the state. Needs subgroups. */
  readonly spreads: boolean;
  /** The state passes through workgroup memory. */
  readonly stages: boolean;
  /** Threads that share the sums of a unit. */
  readonly slices: number;
  /**
   * Of the quads of k that a thread sums up, those whose weights it keeps from step to step. The slices are a quad's
   * lanes then, and there is one tile. 0: none.
   */
  readonly heldQuads: number;
}

/**
 * Largest hidden size whose units one workgroup still walks by itself unless told otherwise. A GPU's workgroup reads
 * all weights at each step; with more of them a dispatch costs less than that. A CPU waits for the slower of few
 * workgroups at the end, for the slower of many at each step hardly; with few rows there are too few for its cores
 * (docs/adr/0026-units-over-cores.md).
 */
const PERSISTENT_HIDDEN_SIZE = { narrow: 128, narrowFewRows: 64, wide: 192 };
/** Batches that one workgroup takes whole on a narrow adapter: each weight is then loaded once. */
const FEW_ROWS = 8;
/** Least hidden size whose units are worth more than one workgroup where there is one step only. */
const SPREAD_HIDDEN_SIZE = 64;
/**
 * Sums per thread on a narrow adapter, by the FLOPs of the whole walk: more reuse each load better, but take as much
 * longer to build, which small recurrences never earn back. A weight is reused by rows only, so more sums than 8 a
 * row win nothing, and a quad that walks all units runs more than 64 no faster (docs/adr/0050-small-tiles.md).
 */
function narrowSums(flops: number, rows: number, isQuad: boolean): number {
  const large = isQuad ? 64 : 128;
  return Math.min(8 * rows, flops >= 2e7 ? large : flops >= 4e6 ? 64 : 32);
}

/** A single row: few lanes that wait for each other did best (docs/adr/0011-batch-of-one.md). */
const SINGLE_ROW_LANES = 16;

const NARROW_ROWS = 16;

/** What a recurrence is run for, as far as its shape depends on it. */
export interface RecurrenceUse {
  readonly direction: RecurrenceDirection;
  /** The strategy that was asked for. */
  readonly requested: Walk | undefined;
  /** Whether its gradient is computed, too. */
  readonly trains: boolean;
  /** Recurrences that share its dispatches, itself among them. */
  readonly tracks: number;
}

/** Picks strategy and register tile of a recurrence: from a tuning where there is one, else by the rule. */
export function chooseRecurrenceShape(
  lowering: Lowering,
  attributes: RecurrenceAttributes,
  { direction, requested, trains, tracks }: RecurrenceUse,
): RecurrenceShape & { readonly reason: string } {
  const { limits } = lowering;
  const held =
    requested === 'stepwise' ? undefined : applyHoldRule(limits, attributes, direction, trains);
  const [preferred, why] = held
    ? [held.strategy, 'the threads keep the weights from step to step']
    : preferStrategy(limits, attributes);
  const reason = requested ? 'asked for' : why;
  const applyFusedRule = (strategy: Walk) =>
    applyShapeRule(limits, attributes, { direction, strategy, tracks });
  const applyRule = (strategy: Walk) =>
    (strategy === 'stepwise' ? applyApartRule(limits, attributes) : undefined) ??
    applyFusedRule(strategy);
  const builtIn = held ?? applyRule(requested ?? preferred);
  const subject = { attributes, direction, requested };
  const settled = lowering.settled(
    tuneRecurrence(limits, subject, builtIn, { applyRule, applyFusedRule }),
  );
  if (!settled) return { ...builtIn, reason };
  const isRule = settled.shape === builtIn;
  return { ...settled.shape, reason: isRule ? `${reason}; ${settled.reason}` : settled.reason };
}

/** Every thread sums up by itself what it loads by itself. */
const plainShape = {
  productsApart: false,
  spreads: false,
  stages: false,
  slices: 1,
  heldQuads: 0,
} as const;

/** The register tile of a recurrence that multiplies by itself, from its sizes and the adapter's limits. */
function applyShapeRule(
  limits: PlanLimits,
  attributes: RecurrenceAttributes,
  use: WalkUse,
): RecurrenceShape {
  const { direction, strategy, tracks } = use;
  const { cell, batch, hiddenSize } = attributes;
  if (limits.residentLanes !== undefined) {
    return applyResidentRule(limits.residentLanes, batch, hiddenSize);
  }
  if (!isNarrow(limits)) return applyWideRule(limits, attributes, use);
  const width = Math.max(4, limits.laneWidth);
  const isOfQuads = hasQuads(limits);
  const most = Math.min(
    limits.maxComputeInvocationsPerWorkgroup,
    limits.maxComputeWorkgroupSizeX,
    256,
  );
  // Two workgroups, for two cores: of the tracks that share a dispatch, or of one.
  const groups = strategy === 'persistent' ? Math.ceil(2 / tracks) : 1;
  const flops = flopsOfWalk(attributes);
  const scale = strategy === 'stepwise' && flops >= LARGE_FLOPS && isOfQuads ? 2 : 1;
  const rows = splitEvenly(batch, Math.min(scale * NARROW_ROWS, Math.ceil(batch / groups)));
  const sums = rows * sumsPerUnit({ cell }, direction);
  // A quad that walks all units waits for no other: what its lanes load they have written themselves
  // (docs/adr/0048-quads-that-wait-for-nobody.md).
  const isQuad = strategy === 'persistent' && limits.hasSubgroups && isOfQuads && !cell.norms;
  const wantedSums = scale * narrowSums(flops, rows, isQuad);
  const units = powerOfTwo(Math.min(wantedSums / sums, hiddenSize / width));
  const spans = strategy === 'persistent' || rows === 1;
  const wanted = spans ? Math.ceil(hiddenSize / units) : width;
  const mostLanes = rows === 1 ? SINGLE_ROW_LANES : most;
  const lanes = isQuad ? width : Math.min(mostLanes, Math.ceil(wanted / width) * width);
  const unitTile = strategy === 'persistent' ? hiddenSize : lanes * units;
  return { ...plainShape, strategy, rows, units, lanes, unitTile, spreads: limits.hasSubgroups };
}

/** Rows per thread in a resident plan. */
const RESIDENT_ROWS = 8;

/** The lanes of the one workgroup walk all units of some rows, then of the next. */
function applyResidentRule(lanes: number, batch: number, hiddenSize: number): RecurrenceShape {
  const rows = splitEvenly(batch, RESIDENT_ROWS);
  const units = Math.min(2, Math.ceil(hiddenSize / lanes));
  return { ...plainShape, strategy: 'persistent', rows, units, lanes, unitTile: hiddenSize };
}

function preferStrategy(
  limits: PlanLimits,
  { steps, batch, hiddenSize }: RecurrenceAttributes,
): [Walk, string] {
  if (limits.residentLanes !== undefined) {
    return ['persistent', 'the one workgroup of a resident plan'];
  }
  const narrow = batch <= FEW_ROWS ? 'narrowFewRows' : 'narrow';
  const kind = isNarrow(limits) ? narrow : 'wide';
  const most = PERSISTENT_HIDDEN_SIZE[kind];
  const bound = kind === 'narrowFewRows' ? `${most} with ${batch} rows` : `${most}`;
  if (hiddenSize > most) {
    return [
      'stepwise',
      `hidden ${hiddenSize} > ${bound}: units are spread over workgroups, step by step`,
    ];
  }
  if (steps === 1 && hiddenSize >= SPREAD_HIDDEN_SIZE) {
    return ['stepwise', 'a single step: units are spread over workgroups'];
  }
  return [
    'persistent',
    `hidden ${hiddenSize} ≤ ${bound}: one workgroup walks all units of its batch rows`,
  ];
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
