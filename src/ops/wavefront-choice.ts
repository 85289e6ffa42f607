import type { PlanLimits } from '../graph/operator.ts';
import { isNarrow } from './grid.ts';
import { gridOf } from './recurrence-launch.ts';
import { cutSteps, type RecurrenceAttributes, type RecurrenceShape } from './recurrence-shape.ts';

/**
 * Workgroups of a persistent layer up to which most of a GPU waits: what several layers compute then runs side by
 * side.
 */
const FEW_WORKGROUPS = 16;
/** Fewer chunks would leave the layers waiting for each other. */
const LEAST_CHUNKS = 3;
/** A wavefront is chosen where it is estimated to take so much of the time, at most. */
const WORTHWHILE = { persistent: 0.75, stepwise: 0.9 };

/**
 * Microseconds on a GPU, from public figures: a dispatch that waits for the one before; a barrier with what follows
 * it; 1 MB of weights from the cache at 64 B a clock and core; 1 MFLOP on a core. Measured on one GPU, a wavefront
 * of dispatches and one of products saves and costs about what this says (docs/adr/0041-gpus-begin-early.md).
 */
const GPU_US = { dispatch: 5, barrier: 1, megabyte: 10, megaflop: 2.5 };

/** How stacked layers would run side by side. */
export interface WavefrontPlan {
  /** Steps that each layer is behind the one below. */
  readonly chunk: number;
  /** Why to choose it unasked; absent where it is estimated not to pay, or does not on such an adapter. */
  readonly advantage?: string;
}

/** Chooses the chunk of a wavefront and estimates what it saves. */
export function planWavefront(
  limits: PlanLimits,
  attributes: RecurrenceAttributes,
  shape: RecurrenceShape,
  layers: number,
): WavefrontPlan {
  const { steps } = attributes;
  const { strategy } = shape;
  const isPersistent = strategy === 'persistent';
  const { waitUs, workUs } = estimateStep(attributes, shape);
  // What layers do at the same time: all of it in a few workgroups each, the wait for a dispatch in many.
  const sharedUs = steps * (isPersistent ? waitUs + workUs : waitUs);
  const ownUs = steps * (isPersistent ? 0 : workUs);
  // Each chunk takes a product in front of each layer but the first, and a persistent one its dispatch.
  const startUs = isPersistent ? GPU_US.dispatch : 0;
  const chunkUs = startUs + (layers - 1) * GPU_US.dispatch;
  const wanted = Math.round(Math.sqrt(((layers - 1) * sharedUs) / chunkUs));
  const chunk = Math.min(
    longestChunk(attributes, shape, layers),
    Math.ceil(steps / Math.max(LEAST_CHUNKS, Math.min(steps, wanted))),
  );
  const chunks = Math.ceil(steps / chunk);
  const waves = (chunks + layers - 1) / chunks;
  const aloneUs = layers * (sharedUs + ownUs + startUs) + (layers - 1) * GPU_US.dispatch;
  const togetherUs =
    waves * sharedUs + layers * ownUs + chunks * (waves * startUs + chunkUs - startUs);
  const ratio = togetherUs / aloneUs;
  const [x, y] = gridOf(shape, attributes, 1);
  const isFull = isPersistent && x * y > FEW_WORKGROUPS;
  if (isNarrow(limits) || isFull || ratio > WORTHWHILE[strategy]) return { chunk };
  const why = isPersistent
    ? `${x * y} workgroups of a layer leave most of a GPU idle`
    : 'a step of several layers waits for one dispatch';
  const percent = Math.round(100 * ratio);
  return {
    chunk,
    advantage: `${why}, side by side the layers take an estimated ${percent} % of the time`,
  };
}

/** Steps of all layers that one dispatch may carry. */
function longestChunk(
  { cell, steps, batch, hiddenSize }: RecurrenceAttributes,
  { strategy }: RecurrenceShape,
  layers: number,
): number {
  if (strategy === 'stepwise') return steps;
  const flopsPerStep = 2 * layers * batch * cell.gates.length * hiddenSize * hiddenSize;
  return cutSteps(steps, flopsPerStep)[0]?.count ?? steps;
}

/** Estimated time of one step of one layer, whose workgroups run at once. */
function estimateStep(
  { cell, hiddenSize }: RecurrenceAttributes,
  { strategy, rows, unitTile }: RecurrenceShape,
): { readonly waitUs: number; readonly workUs: number } {
  const weights = cell.gates.length * hiddenSize * unitTile;
  const workUs = Math.max(
    4e-6 * weights * GPU_US.megabyte,
    2e-6 * rows * weights * GPU_US.megaflop,
  );
  const between = strategy === 'persistent' ? GPU_US.barrier : GPU_US.dispatch;
  return { waitUs: cell.phases.length * between, workUs };
}
