import type { Lowering } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { concatOperator } from './concat.ts';
import { type DropoutOptions, dropoutOperator, launchDropout } from './dropout.ts';
import {
  type LayerNormAttributes,
  launchLayerNorm,
  launchLayerNormGradient,
  layerNormGradient,
  layerNormOperator,
} from './layer-norm.ts';
import {
  launchLinear,
  launchLinearInputGradient,
  linearInputGradient,
  linearOperator,
  type RowRange,
} from './linear.ts';
import { launchMaskTime, maskTimeOperator } from './mask-time.ts';
import { recurrenceOperator } from './recurrence.ts';
import { lowerBackward } from './recurrence-backward-lower.ts';
import { lowerForward } from './recurrence-forward-lower.ts';
import { recurrenceGradient } from './recurrence-gradient.ts';
import type { RecurrenceAttributes, RecurrenceGradientAttributes } from './recurrence-shape.ts';
import { type TrackRange, timesOf } from './recurrence-spans.ts';
import type { Tracks } from './recurrence-tracks.ts';
import { keepsRows, launchBoxes, padOperator, sliceOperator } from './slice.ts';

/** A recurrence or its gradient, as far as they are alike. */
export type RecurrenceNode = GraphNode<RecurrenceAttributes>;

/** One of the two ways in which recurrences are run, with what differs between them. */
export interface Pass {
  readonly direction: 'forward' | 'backward';
  isOne(node: GraphNode): boolean;
  /** What a recurrence reads step by step: its projected input, or the gradient of its output. */
  fed(node: RecurrenceNode): SymbolicTensor | undefined;
  lower(tracks: Tracks<RecurrenceAttributes>, lowering: Lowering): void;
}

/** Recurrences themselves. */
export const forwardPass: Pass = {
  direction: 'forward',
  isOne: ({ op }) => op === (recurrenceOperator as unknown),
  fed: ({ inputs }) => inputs[0],
  lower: lowerForward,
};

/** Gradients of recurrences. */
export const backwardPass: Pass = {
  direction: 'backward',
  isOne: ({ op }) => op === (recurrenceGradient as unknown),
  fed: ({ attributes, inputs }) =>
    (attributes as RecurrenceGradientAttributes).hasOutputGradient ? inputs[3] : undefined,
  lower: (tracks, lowering) =>
    lowerBackward(tracks as Tracks<RecurrenceGradientAttributes>, lowering),
};

/** How a recurrence gets what it reads from the one before it. */
export interface Link {
  readonly before: RecurrenceNode;
  /** Operators between the two, first to last. */
  readonly between: readonly GraphNode[];
}

/** How to compute some rows of an operator whose rows need the same rows of one input, and no others of it. */
interface RowLauncher {
  launch(lowering: Lowering, node: GraphNode, rows: RowRange): void;
  /** That input. */
  readonly fedInput: number;
  /** Whether the operator is such a one; always unless given. */
  readonly accepts?: (node: GraphNode) => boolean;
}

const rowLaunchers = new Map<unknown, RowLauncher>([
  [linearOperator, { launch: launchLinear, fedInput: 0 }],
  [linearInputGradient, { launch: launchLinearInputGradient, fedInput: 0 }],
  [maskTimeOperator, { launch: launchMaskTime, fedInput: 0 }],
  [layerNormGradient, { launch: launchLayerNormGradient, fedInput: 2 }],
  [
    layerNormOperator,
    {
      launch: (lowering, node, rows) =>
        launchLayerNorm(lowering, node as GraphNode<LayerNormAttributes>, rows),
      fedInput: 0,
    },
  ],
  [sliceOperator, { launch: launchBoxes, fedInput: 0, accepts: keepsRows }],
  [padOperator, { launch: launchBoxes, fedInput: 0, accepts: keepsRows }],
  [
    dropoutOperator,
    {
      launch: launchDropoutRows,
      fedInput: 0,
      accepts: ({ attributes }) => (attributes as DropoutOptions).rate > 0,
    },
  ],
]);

function rowLauncherOf(node: GraphNode): RowLauncher | undefined {
  const found = rowLaunchers.get(node.op);
  return found?.accepts?.(node) === false ? undefined : found;
}

/** What an operator between two recurrences reads row by row. */
export function fedInputOf(node: GraphNode): SymbolicTensor | undefined {
  return node.inputs[rowLauncherOf(node)?.fedInput ?? 0];
}

/** What a recurrence's projection reads: two that read one tensor in the same way are those of two directions. */
export function sourceOf(node: RecurrenceNode, pass: Pass): { from: unknown; by: unknown } {
  let projection = pass.fed(node)?.node;
  while (projection && isBesideProjection(projection)) projection = projection.inputs[0]?.node;
  return { from: projection?.inputs[0], by: projection?.op };
}

function isBesideProjection({ op }: GraphNode): boolean {
  return ([layerNormOperator, maskTimeOperator] as unknown[]).includes(op);
}

function launchDropoutRows(
  lowering: Lowering,
  node: GraphNode,
  { label, first, count }: RowRange,
): void {
  const width = node.outputs[0]?.shape.at(-1) as number;
  const range = { label, first: first * width, end: (first + count) * width };
  launchDropout(lowering, node as GraphNode<DropoutOptions>, range);
}

/** Whether two recurrences can share a dispatch, whichever way each walks. */
export function areAlike(a: RecurrenceNode, b: RecurrenceNode): boolean {
  const keyOf = ({ attributes }: RecurrenceNode) => {
    const { cell, steps, batch, hiddenSize, stateSize = hiddenSize, extras = [] } = attributes;
    return JSON.stringify([
      cell.shader,
      cell.constants,
      steps,
      batch,
      hiddenSize,
      stateSize,
      extras,
    ]);
  };
  return keyOf(a) === keyOf(b);
}

/** The recurrence that one reads step by step, or why there is none; undefined if it reads no recurrence. */
export function findLink(node: RecurrenceNode, pass: Pass): Link | string | undefined {
  const between: GraphNode[] = [];
  let tensor = pass.fed(node);
  while (tensor && tensor.index === 0 && rowLauncherOf(tensor.node)) {
    between.unshift(tensor.node);
    tensor = fedInputOf(tensor.node);
  }
  if (!tensor || between.length === 0) return undefined;
  if (pass.isOne(tensor.node) && tensor.index === 0) {
    const before = tensor.node as RecurrenceNode;
    if (areAlike(before, node) && before.attributes.reverse === node.attributes.reverse) {
      return { before, between };
    }
    return `'${node.label}' differs from '${before.label}' in cell, hidden size or direction`;
  }
  const isConcat = tensor.node.op === (concatOperator as unknown);
  return isConcat && tensor.node.inputs.some((part) => pass.isOne(part.node))
    ? `'${node.label}' reads both directions of the layer below, and so their last steps before its first`
    : undefined;
}

/** Emits what lies between two recurrences, for the rows of some steps. */
export function feedRange(
  lowering: Lowering,
  pass: Pass,
  node: RecurrenceNode,
  between: readonly GraphNode[],
  range: TrackRange,
  suffix: string,
): void {
  const { steps, batch, reverse } = node.attributes;
  const runsBackInTime = reverse === (pass.direction === 'forward');
  const { first, count } = timesOf(range, steps, runsBackInTime);
  for (const step of between) {
    const launcher = rowLauncherOf(step) as RowLauncher;
    const label = `${step.label}${suffix}`;
    launcher.launch(lowering, step, { label, first: first * batch, count: count * batch });
  }
}
