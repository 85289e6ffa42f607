import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, View, Walk } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { launchStridedCopy } from './copy-strided.ts';
import type { RecurrenceAttributes } from './recurrence-shape.ts';
import type { TrackRange } from './recurrence-spans.ts';

/** Most tracks of a dispatch: the kernels' spans have room for that many. */
export const MOST_TRACKS = 4;

/** Recurrences of one cell and size that share their dispatches; one by itself is a group, too. */
export interface Tracks<A extends RecurrenceAttributes> {
  readonly nodes: readonly GraphNode<A>[];
  /** Where tracks are layers, each some steps behind the one before. */
  readonly wavefront?: Wavefront;
  /** Why they run together, for `explain()`. */
  readonly reason?: string;
  /** Where what they read step by step has been asked for, one behind the other. */
  readonly fed?: Joined;
}

/** How stacked layers follow each other. */
export interface Wavefront {
  /** Steps that a layer is behind the one before. */
  readonly chunk: number;
  /** Emits the launches by which a track gets its input of some steps from the track before. */
  feed(lowering: Lowering, range: TrackRange, suffix: string): void;
}

/** Tensors of one size that lie in one storage, and where each begins, in numbers from the view's start. */
export interface Joined {
  readonly view: View;
  readonly begins: readonly number[];
}

/** A number of floats after which another tensor may be bound. */
export function alignFloats(floats: number): number {
  return Math.ceil(floats / 64) * 64;
}

/** A part of a joined view. */
export function partOf(
  { view, begins }: Joined,
  index: number,
  { offset, floats }: { readonly offset: number; readonly floats: number },
): View {
  const begin = (begins[index] as number) + offset;
  const size = numberBytes(view);
  return {
    storage: view.storage,
    offsetBytes: view.offsetBytes + size * begin,
    bytes: 4 * Math.ceil((size * floats) / 4),
    ...(view.isHalf && { isHalf: true }),
  };
}

/** Memory for as many parts of one size. */
export function scratchTogether(
  lowering: Lowering,
  label: string,
  count: number,
  floats: number,
): Joined {
  const stride = count > 1 ? alignFloats(floats) : floats;
  return {
    view: lowering.scratch(label, 4 * stride * count),
    begins: Array.from({ length: count }, (_none, index) => index * stride),
  };
}

/** Memory for an output that is f16 wherever f16 is stored; for more than one, which then are not, one behind the other. */
export function halvesTogether(
  lowering: Lowering,
  tensors: readonly SymbolicTensor[],
  numbers?: number,
): Joined {
  const [first] = tensors as [SymbolicTensor];
  if (tensors.length > 1) return outputsTogether(lowering, tensors);
  return { view: lowering.halfOutput(first, numbers), begins: [0] };
}

/** Memory for outputs of one size, one behind the other. */
export function outputsTogether(lowering: Lowering, tensors: readonly SymbolicTensor[]): Joined {
  const [first] = tensors as [SymbolicTensor];
  if (tensors.length === 1) return { view: lowering.output(first), begins: [0] };
  const joined = scratchTogether(lowering, first.label, tensors.length, first.size);
  for (const [index, tensor] of tensors.entries()) {
    lowering.define(tensor, partOf(joined, index, { offset: 0, floats: tensor.size }));
  }
  return joined;
}

/**
 * Asks for tensors of one size to be computed one behind the other, with a gap where there is none.
 *
 * @returns undefined if one has another place already.
 */
export function placeTogether(
  lowering: Lowering,
  tensors: readonly (SymbolicTensor | undefined)[],
): Joined | undefined {
  const given = tensors.filter((tensor) => tensor !== undefined);
  const [first] = given;
  const isFree = new Set(given).size === given.length;
  if (!first || !isFree || given.some((tensor) => lowering.placement(tensor))) return undefined;
  const joined = scratchTogether(lowering, first.label, tensors.length, first.size);
  for (const [index, tensor] of tensors.entries()) {
    if (!tensor) continue;
    lowering.place(tensor, partOf(joined, index, { offset: 0, floats: tensor.size }));
  }
  return joined;
}

/** One view of what is to be bound together; copies what does not lie in the target, or in one storage. */
export function joinViews(
  lowering: Lowering,
  label: string,
  floats: number,
  views: readonly View[],
  target?: Joined,
): Joined {
  const [first] = views as [View];
  if (views.every(({ storage }) => storage === first.storage)) {
    const offsetBytes = Math.min(...views.map((view) => view.offsetBytes));
    const end = Math.max(...views.map((view) => view.offsetBytes + view.bytes));
    const place = { storage: first.storage, offsetBytes, bytes: end - offsetBytes };
    return {
      view: first.isHalf ? { ...place, isHalf: true } : place,
      begins: views.map((view) => (view.offsetBytes - offsetBytes) / numberBytes(first)),
    };
  }
  const joined = target ?? scratchTogether(lowering, label, views.length, floats);
  for (const [index, source] of views.entries()) {
    if (source.storage === joined.view.storage) continue;
    launchStridedCopy(lowering, {
      label: `${label}.${index}`,
      source,
      sourceOffset: 0,
      sourceStrides: [1],
      target: joined.view,
      targetOffset: joined.begins[index] as number,
      targetStrides: [1],
      extents: [floats],
    });
  }
  return joined;
}

/** The strategy that was asked for at a recurrence, as far as it says how to walk. */
export function requestedWalk(lowering: Lowering, node: GraphNode): Walk | undefined {
  const requested = lowering.requestedStrategy(node);
  return requested === 'wavefront' ? undefined : requested;
}

/** The name of what tracks share. */
export function labelOf({ nodes }: Tracks<RecurrenceAttributes>): string {
  return nodes.map(({ label }) => label).join(' + ');
}
