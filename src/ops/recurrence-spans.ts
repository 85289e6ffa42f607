import type { Walk } from '../graph/operator.ts';
import { hasExtra } from './recurrence-extras.ts';
import { cutSteps, type RecurrenceAttributes } from './recurrence-shape.ts';

/** A range of steps of one track, counted in the order in which they are processed. */
export interface TrackRange {
  readonly track: number;
  readonly first: number;
  readonly count: number;
}

/** What a dispatch does of a track. */
export interface TrackSpan extends TrackRange {
  /** Whether the track's state is set first. */
  readonly prologue: boolean;
}

/** One dispatch of recurrences: a range of phases, and a range of steps of each track. */
export interface Span {
  readonly firstPhase: number;
  readonly endPhase: number;
  readonly tracks: readonly TrackSpan[];
}

/** Ranges that run side by side, and the dispatches that do so. */
export interface Wave {
  readonly ranges: readonly TrackRange[];
  readonly spans: readonly Span[];
}

/** How recurrences are to be walked. */
export interface WalkOptions {
  readonly strategy: Walk;
  readonly tracks: number;
  /** Steps that each track is behind the one before; absent where none waits for another. */
  readonly chunk?: number | undefined;
  readonly walksBack: boolean;
  /** Whether the walk back goes one index further, into the initial state. */
  readonly reachesInitial?: boolean;
}

/** The ranges of steps of all waves. */
function planRanges(attributes: RecurrenceAttributes, options: WalkOptions): TrackRange[][] {
  const { steps, batch, cell, hiddenSize } = attributes;
  const { tracks, chunk, strategy } = options;
  const all = Array.from({ length: tracks }, (_none, track) => track);
  if (chunk !== undefined) {
    const waves = Math.ceil(steps / chunk) + tracks - 1;
    return Array.from({ length: waves }, (_none, wave) =>
      all.flatMap((track) => {
        const first = (wave - track) * chunk;
        const isActive = first >= 0 && first < steps;
        return isActive ? [{ track, first, count: Math.min(chunk, steps - first) }] : [];
      }),
    );
  }
  const flopsPerStep = 2 * tracks * batch * cell.gates.length * hiddenSize * hiddenSize;
  const cuts =
    strategy === 'persistent' ? cutSteps(steps, flopsPerStep) : [{ first: 0, count: steps }];
  return cuts.map((cut) => all.map((track) => ({ track, ...cut })));
}

/** All dispatches: many steps with all phases, or one phase of one step; waves of them where layers follow. */
export function planWaves(attributes: RecurrenceAttributes, options: WalkOptions): Wave[] {
  const waves = planRanges(attributes, options);
  const plan = options.strategy === 'persistent' ? planManySteps : planSingleSteps;
  return waves.map((ranges, index) => ({
    ranges,
    spans: plan(ranges, index === 0, attributes, options),
  }));
}

function planManySteps(
  ranges: readonly TrackRange[],
  _isFirst: boolean,
  { cell, steps }: RecurrenceAttributes,
  { reachesInitial = false }: WalkOptions,
): Span[] {
  const tracks = ranges.map((range) => {
    const isLast = range.first + range.count === steps;
    const count = range.count + (reachesInitial && isLast ? 1 : 0);
    return { ...range, count, prologue: range.first === 0 };
  });
  return [{ firstPhase: 0, endPhase: cell.phases.length, tracks }];
}

function planSingleSteps(
  ranges: readonly TrackRange[],
  isFirst: boolean,
  attributes: RecurrenceAttributes,
  { walksBack, tracks, reachesInitial = false }: WalkOptions,
): Span[] {
  const { cell, steps } = attributes;
  const phases = cell.phases.length;
  const spans: Span[] = [];
  // A masked state is made before it is read.
  const startsAlone = steps === 1 && !hasExtra(attributes, 'mask');
  if (!walksBack && isFirst && !startsAlone) {
    // Initial states must be in place before workgroups read each other's units of them.
    const all = Array.from({ length: tracks }, (_none, track) => track);
    const start = all.map((track) => ({ track, first: 0, count: 0, prologue: true }));
    spans.push({ firstPhase: 0, endPhase: 0, tracks: start });
  }
  const most = Math.max(...ranges.map(({ count }) => count));
  for (let step = 0; step < most; step++) {
    for (let index = 0; index < phases; index++) {
      const phase = walksBack ? phases - 1 - index : index;
      const active = ranges.filter(({ count }) => step < count);
      spans.push({
        firstPhase: phase,
        endPhase: phase + 1,
        tracks: active.map(({ track, first }) => {
          const prologue = (walksBack || startsAlone) && index === 0 && first + step === 0;
          return { track, first: first + step, count: 1, prologue };
        }),
      });
    }
  }
  const ending = ranges.filter(({ first, count }) => first + count === steps);
  if (reachesInitial && ending.length > 0) {
    const end = ending.map(({ track }) => ({ track, first: steps, count: 1, prologue: false }));
    spans.push({ firstPhase: phases - 1, endPhase: phases, tracks: end });
  }
  return spans;
}

/** Steps in time of a range of steps in the order of processing. */
export function timesOf(
  { first, count }: TrackRange,
  steps: number,
  runsBackInTime: boolean,
): { readonly first: number; readonly count: number } {
  return { first: runsBackInTime ? steps - first - count : first, count };
}
