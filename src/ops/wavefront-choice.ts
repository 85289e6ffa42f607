import type { PlanLimits } from '../graph/operator.ts';
import { isNarrow } from './grid.ts';
import { gridOf } from './recurrence-launch.ts';
import { cutSteps, type RecurrenceAttributes, type RecurrenceShape } from './recurrence-shape.ts';

/** Workgroups of one layer up to which most of a GPU waits: those of several layers then run side by side. */
const FEW_WORKGROUPS = 16;
/** Fewer chunks would leave the layers waiting for each other. */
const LEAST_CHUNKS = 3;
/** A wavefront is chosen where it is estimated to take so much of the time, at most. */
const WORTHWHILE = 0.75;

/**
 * Microseconds on a GPU, from public figures and not measured: a dispatch that waits for the one before; a
 * barrier with what follows it; 1 MB of weights from the cache at 64 B a clock and core; 1 MFLOP on a core.
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
  const { cell, steps, batch, hiddenSize } = attributes;
  const layerUs = steps * stepUs(attributes, shape);
  // Each chunk takes one dispatch of all layers and a product in front of each but the first.
  const startUs = shape.strategy === 'persistent' ? GPU_US.dispatch : 0;
  const chunkUs = startUs + (layers - 1) * GPU_US.dispatch;
  const wanted = Math.round(Math.sqrt(((layers - 1) * layerUs) / chunkUs));
  const flopsPerStep = 2 * layers * batch * cell.gates.length * hiddenSize * hiddenSize;
  const longest = cutSteps(steps, flopsPerStep)[0]?.count ?? steps;
  const chunk = Math.min(
    longest,
    Math.ceil(steps / Math.max(LEAST_CHUNKS, Math.min(steps, wanted))),
  );
  const chunks = Math.ceil(steps / chunk);
  const waves = (chunks + layers - 1) / chunks;
  const aloneUs = layers * (layerUs + startUs) + (layers - 1) * GPU_US.dispatch;
  const togetherUs = waves * layerUs + chunks * (waves * startUs + chunkUs - startUs);
  const [x, y] = gridOf(shape, attributes, 1);
  const ratio = togetherUs / aloneUs;
  if (isNarrow(limits) || x * y > FEW_WORKGROUPS || ratio > WORTHWHILE) return { chunk };
  const percent = Math.round(100 * ratio);
  return {
    chunk,
    advantage:
      `${x * y} workgroups of a layer leave most of a GPU idle, side by side the layers take an estimated ` +
      `${percent} % of the time`,
  };
}

/** Estimated time of one step of one layer, whose workgroups run at once. */
function stepUs(
  { cell, hiddenSize }: RecurrenceAttributes,
  { strategy, rows, unitTile }: RecurrenceShape,
): number {
  const weights = cell.gates.length * hiddenSize * unitTile;
  const workUs = Math.max(
    4e-6 * weights * GPU_US.megabyte,
    2e-6 * rows * weights * GPU_US.megaflop,
  );
  const between = strategy === 'persistent' ? GPU_US.barrier : GPU_US.dispatch;
  return workUs + cell.phases.length * between;
}
