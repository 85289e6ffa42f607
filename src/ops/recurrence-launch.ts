import type { Cell } from '../cells/cell.ts';
import type { Lowering, PackedLayout } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { hasExtra } from './recurrence-extras.ts';
import { carriesOver } from './recurrence-memory.ts';
import {
  layOutHistory,
  type RecurrenceAttributes,
  type RecurrenceShape,
} from './recurrence-shape.ts';
import type { Span } from './recurrence-spans.ts';
import { type Joined, MOST_TRACKS, type Tracks } from './recurrence-tracks.ts';

/** A shape in words, for `explain()` and checkpoints. */
export function describeShape(shape: RecurrenceShape): string {
  const { strategy, productsApart, rows, units, lanes, slices, heldQuads } = shape;
  const apart = productsApart ? ', products apart' : '';
  const form = `${strategy}${apart}, ${rows} rows × ${units} units per lane, ${lanes} lanes`;
  if (slices === 1) return form;
  const held = heldQuads > 0 ? `, which hold the weights of ${heldQuads} quads` : '';
  return `${form} × ${slices} slices of the sum${held}`;
}

/** What has been chosen for a recurrence, and why, in words. */
export function describeChoice(
  { nodes, wavefront, reason }: Tracks<RecurrenceAttributes>,
  shape: RecurrenceShape & { readonly reason: string },
): { choice: string; reason: string } {
  const form = describeShape(shape);
  if (!reason) return { choice: form, reason: shape.reason };
  const together = wavefront
    ? `wavefront of ${nodes.length} layers, ${wavefront.chunk} steps apart, ${form}`
    : `${form}, ${nodes.length} tracks per dispatch`;
  return { choice: together, reason: `${reason}; ${shape.reason}` };
}

/** Whether forward recurrences keep what their gradients need, for every time step. */
export function keepsSaved(nodes: readonly GraphNode<RecurrenceAttributes>[], lowering: Lowering) {
  return nodes.some(({ outputs }) => lowering.isUsed(outputs[3] as SymbolicTensor));
}

/** Constants of `shaders/lib/recurrence.wgsl`. */
export function recurrenceConstants(
  attributes: RecurrenceAttributes,
  shape: RecurrenceShape,
  tracks: number,
  { precision }: Lowering,
) {
  const isHalf = precision === 'f16';
  const { steps, batch, hiddenSize } = attributes;
  const layout = layOutHistory({ ...attributes, reverse: false }, isHalf);
  return {
    steps,
    batch,
    hidden_size: hiddenSize,
    state_size: attributes.stateSize ?? hiddenSize,
    has_lengths: hasExtra(attributes, 'lengths'),
    has_mask: hasExtra(attributes, 'mask'),
    has_zoneout: hasExtra(attributes, 'zoneout'),
    rows: shape.rows,
    units: shape.units,
    lanes: shape.lanes,
    unit_tile: shape.unitTile,
    spreads: shape.spreads,
    stages: shape.stages,
    slices: shape.slices,
    held_quads: shape.heldQuads,
    carries: carriesOver(attributes, shape),
    y_origin: layout.yOrigin,
    section_size: layout.sectionSize,
    tracks,
    is_half: isHalf,
  };
}

/** Bytes of the numbers that a recurrence keeps for one unit of one row: in all, and of its states. */
export function unitBytes({ cell }: RecurrenceAttributes, { precision }: Lowering) {
  const number = precision === 'f16' ? 2 : 4;
  return { number, states: number + 4 * (cell.states.length - 1) };
}

/** Steps that a dispatch carries, those of all tracks together. */
export function stepsOf(span: Span): number {
  return span.tracks.reduce((sum, { count }) => sum + count, 0);
}

/** FLOPs of the recurrent matmuls that a dispatch carries. */
export function flopsOf(
  { cell, batch, hiddenSize, stateSize = hiddenSize }: RecurrenceAttributes,
  span: Span,
): number {
  if (!cell.multiplies) return 0;
  const gates = cell.phases
    .slice(span.firstPhase, span.endPhase)
    .reduce((sum, [first, end]) => sum + end - first, 0);
  return 2 * stepsOf(span) * batch * gates * hiddenSize * stateSize;
}

/** Workgroups over batch rows, units and tracks. */
export function gridOf(
  shape: RecurrenceShape,
  { batch, hiddenSize }: RecurrenceAttributes,
  tracks: number,
): [number, number, number] {
  return [Math.ceil(batch / shape.rows), Math.ceil(hiddenSize / shape.unitTile), tracks];
}

/** The layout in which the kernels read weight_hh. */
export function packedWeights(
  kind: 'column-quads' | 'row-quads',
  { gates }: Cell,
  { lanes, units, spreads }: RecurrenceShape,
): PackedLayout {
  return { kind, blocks: gates.length, tile: lanes * units, lanes, swaps: spreads };
}

/** Tiles of one track's weights. */
export function tilesOf(
  { hiddenSize }: RecurrenceAttributes,
  { lanes, units }: RecurrenceShape,
): number {
  return Math.ceil(hiddenSize / (lanes * units));
}

type Row = readonly [number, number, number, number];

/** A vector of a span for each track of the dispatch, zero behind them. */
function packRows<N extends 'walk' | 'source' | 'place'>(name: N, rows: readonly Row[]) {
  const none: Row = [0, 0, 0, 0];
  const entries = Array.from({ length: MOST_TRACKS }, (_none, index) => {
    return [`${name}_${index}`, rows[index] ?? none];
  });
  return Object.fromEntries(entries) as Record<`${N}_${0 | 1 | 2 | 3}`, Row>;
}

/** What a span says of its tracks: what each does, and where its part of the joined tensors begins. */
export function packTracks(
  { tracks }: Span,
  nodes: readonly GraphNode<RecurrenceAttributes>[],
  joined: {
    readonly sources: readonly [Joined, Joined, Joined, Joined];
    readonly places: readonly [Joined, Joined];
    /** Tiles of one track's weights. */
    readonly tiles: number;
    /** Where each track's extras begin in what it is given. */
    readonly extras: readonly number[];
  },
) {
  const beginOf = ({ begins }: Joined, track: number) => begins[track] as number;
  const walks = tracks.map(({ track, first, count, prologue }): Row => {
    const reverse = nodes[track]?.attributes.reverse;
    return [first, count, prologue ? 1 : 0, reverse ? 1 : 0];
  });
  const sources = tracks.map(({ track }): Row => {
    const [a, b, c, d] = joined.sources;
    return [beginOf(a, track), beginOf(b, track), beginOf(c, track), beginOf(d, track)];
  });
  const places = tracks.map(({ track }): Row => {
    const [a, b] = joined.places;
    const extras = joined.extras[track] as number;
    return [beginOf(a, track), beginOf(b, track), track * joined.tiles, extras];
  });
  return {
    ...packRows('walk', walks),
    ...packRows('source', sources),
    ...packRows('place', places),
  };
}
