import type { Lowering } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { launchMatmul } from './matmul-launch.ts';
import { biasRows } from './recurrence-extras.ts';
import { layOutHistory, type RecurrenceAttributes } from './recurrence-shape.ts';
import { type Span, timesOf } from './recurrence-spans.ts';
import type { Joined } from './recurrence-tracks.ts';

/** Columns that a quad of lanes takes where products are large; workgroups of GPUs take a few such tiles. */
const TILE_COLUMNS = 32;

/** What the products of a recurrence's steps read and write, where they are launches of their own. */
export interface StepProducts {
  readonly label: string;
  /** Which of the label's launches it is. */
  readonly suffix: string;
  readonly nodes: readonly GraphNode<RecurrenceAttributes>[];
  /** weight_hh of each track. */
  readonly weights: readonly SymbolicTensor[];
  /** What they multiply: histories forward, gradients of the gates backward. */
  readonly vectors: Joined;
  /** Where they go, that of each track by itself. */
  readonly products: Joined;
}

/** Launches [B, gates of the phase, H] = v·W_hhᵀ for each track of a span that takes a step. */
export function launchForwardProducts(lowering: Lowering, span: Span, launch: StepProducts): void {
  const { nodes, weights, vectors, products } = launch;
  for (const { track, first, count } of span.tracks) {
    const { attributes } = nodes[track] as GraphNode<RecurrenceAttributes>;
    const { cell, steps, batch, hiddenSize } = attributes;
    const [begin, end] = cell.phases[span.firstPhase] as readonly [number, number];
    if (count === 0 || begin === end) continue;
    const layout = layOutHistory(attributes, lowering.precision === 'f16');
    const width = cell.gates.length * hiddenSize;
    launchMatmul(lowering, {
      label: labelOf(launch, span, track),
      m: batch,
      n: (end - begin) * hiddenSize,
      k: hiddenSize,
      repeats: steps,
      a: {
        view: vectors.view,
        offset: (vectors.begins[track] as number) + layout.multipliedAt(span.firstPhase, first),
        stride: hiddenSize,
      },
      b: tileWeights(lowering, weights[track] as SymbolicTensor, 'transposed', begin * hiddenSize),
      c: {
        view: products.view,
        offset: (products.begins[track] as number) + begin * hiddenSize,
        stride: width,
      },
    });
  }
}

/** Launches [B, H] = d_recurrent·W_hh of what comes after, for each track of a span that something comes after. */
export function launchBackwardProducts(lowering: Lowering, span: Span, launch: StepProducts): void {
  const { nodes, weights, vectors, products } = launch;
  for (const { track, first, count } of span.tracks) {
    const { attributes } = nodes[track] as GraphNode<RecurrenceAttributes>;
    const { cell, steps, batch, hiddenSize, reverse } = attributes;
    // The last phase gets it through phase 0 of the step behind, the others through the next phase.
    const isLastPhase = span.endPhase === cell.phases.length;
    const [begin, end] = cell.phases[isLastPhase ? 0 : span.endPhase] as readonly [number, number];
    const position = isLastPhase ? steps - first : steps - 1 - first;
    if (count === 0 || begin === end || position >= steps) continue;
    const time = timesOf({ track, first: position, count: 1 }, steps, reverse).first;
    const width = biasRows(attributes) * hiddenSize;
    launchMatmul(lowering, {
      label: labelOf(launch, span, track),
      m: batch,
      n: hiddenSize,
      k: (end - begin) * hiddenSize,
      repeats: steps,
      a: {
        view: vectors.view,
        offset: (vectors.begins[track] as number) + time * batch * width + begin * hiddenSize,
        stride: width,
      },
      b: tileWeights(lowering, weights[track] as SymbolicTensor, 'rows', begin * hiddenSize),
      c: { view: products.view, offset: products.begins[track] as number, stride: hiddenSize },
    });
  }
}

function labelOf({ label, suffix }: StepProducts, { tracks }: Span, track: number): string {
  return `${label}${tracks.length > 1 ? ` of ${track}` : ''}${suffix}`;
}

/**
 * Weights [gates·H, H] as the right factor of a step's product, from a row on. Tiles of columns that a workgroup takes
 * lie by themselves: few rows multiply each number, and rows of the whole matrix are pages apart
 * (docs/adr/0052-products-apart.md).
 *
 * @param kind - `transposed`, or `rows`: as they are.
 */
function tileWeights(
  lowering: Lowering,
  weight: SymbolicTensor,
  kind: 'transposed' | 'rows',
  firstRow: number,
) {
  const [rows, columns] = weight.shape as [number, number];
  const terms = kind === 'transposed' ? columns : rows;
  if (kind === 'transposed' && firstRow % TILE_COLUMNS !== 0) {
    const view = lowering.packed(weight, { kind: 'transposed' });
    return { view, offset: firstRow, stride: rows };
  }
  return {
    view: lowering.packed(weight, { kind, tile: TILE_COLUMNS }),
    offset: firstRow * (kind === 'transposed' ? terms : TILE_COLUMNS),
    stride: TILE_COLUMNS,
    tile: { columns: TILE_COLUMNS, stride: terms * TILE_COLUMNS },
  };
}
