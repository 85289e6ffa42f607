import type { Cell } from '../cells/cell.ts';
import type { PackedLayout, Strategy } from '../graph/operator.ts';
import {
  cutSteps,
  type HistoryLayout,
  type RecurrenceAttributes,
  type RecurrenceShape,
} from './recurrence-shape.ts';

/** One dispatch of a recurrence: a range of steps and of phases. */
export interface Span {
  readonly first: number;
  readonly count: number;
  readonly firstPhase: number;
  readonly endPhase: number;
  readonly prologue: boolean;
}

/** Spans of all dispatches: many steps with all phases, or one phase of one step. */
export function planSpans(
  strategy: Strategy,
  attributes: RecurrenceAttributes,
  walksBack: boolean,
): Span[] {
  const { cell, steps, batch, hiddenSize } = attributes;
  const phases = cell.phases.length;
  if (strategy === 'persistent') {
    const flopsPerStep = 2 * batch * cell.gates.length * hiddenSize * hiddenSize;
    return cutSteps(steps, flopsPerStep).map(({ first, count }) => {
      return { first, count, firstPhase: 0, endPhase: phases, prologue: first === 0 };
    });
  }
  // The initial state must be in place before workgroups read each other's units of it.
  const spans: Span[] = walksBack
    ? []
    : [{ first: 0, count: 0, firstPhase: 0, endPhase: 0, prologue: true }];
  for (let step = 0; step < steps; step++) {
    for (let index = 0; index < phases; index++) {
      const phase = walksBack ? phases - 1 - index : index;
      const prologue = walksBack && step === 0 && index === 0;
      spans.push({ first: step, count: 1, firstPhase: phase, endPhase: phase + 1, prologue });
    }
  }
  return spans;
}

/** A shape in words, for `explain()` and checkpoints. */
export function describeShape(shape: RecurrenceShape): string {
  return `${shape.strategy}, ${shape.rows} rows × ${shape.units} units per lane, ${shape.lanes} lanes`;
}

/** Constants of `shaders/lib/recurrence.wgsl`. */
export function recurrenceConstants(
  { steps, batch, hiddenSize, reverse }: RecurrenceAttributes,
  shape: RecurrenceShape,
  layout: HistoryLayout,
) {
  return {
    steps,
    batch,
    hidden_size: hiddenSize,
    rows: shape.rows,
    units: shape.units,
    lanes: shape.lanes,
    unit_tile: shape.unitTile,
    spreads: shape.spreads,
    stages: shape.stages,
    y_origin: layout.yOrigin,
    section_size: layout.sectionSize,
    runs_reverse: reverse,
  };
}

/** FLOPs of the recurrent matmuls that a dispatch carries. */
export function flopsOf({ cell, batch, hiddenSize }: RecurrenceAttributes, span: Span): number {
  const gates = cell.phases
    .slice(span.firstPhase, span.endPhase)
    .reduce((sum, [first, end]) => sum + end - first, 0);
  return 2 * span.count * batch * gates * hiddenSize * hiddenSize;
}

/** Workgroups over batch rows and units. */
export function gridOf(
  shape: RecurrenceShape,
  batch: number,
  hiddenSize: number,
): [number, number, number] {
  return [Math.ceil(batch / shape.rows), Math.ceil(hiddenSize / shape.unitTile), 1];
}

/** The layout in which the kernels read weight_hh. */
export function packedWeights(
  kind: 'column-quads' | 'row-quads',
  { gates }: Cell,
  { lanes, units }: RecurrenceShape,
): PackedLayout {
  return { kind, blocks: gates.length, tile: lanes * units, lanes };
}
