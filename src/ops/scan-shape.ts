import type { ScanCell } from '../cells/scan-cell.ts';
import type { PlanLimits } from '../graph/operator.ts';
import { isNarrow } from './grid.ts';

/** What a scan node is: a cell whose steps are linear in the state, over time in one direction. */
export interface ScanAttributes {
  readonly cell: ScanCell;
  readonly steps: number;
  readonly batch: number;
  readonly hiddenSize: number;
  /** Walks from the last time step to the first; outputs keep their time index. */
  readonly reverse: boolean;
  /** Whether rows have lengths: their steps behind them leave the state as it is. */
  readonly hasLengths: boolean;
}

/** Which of a scan's outputs have a gradient. */
export interface ScanGradientAttributes extends ScanAttributes {
  readonly hasOutputGradient: boolean;
  readonly hasFinalGradient: boolean;
}

/** Which input of a scan's gradient is that of the output, if it is there. */
export function placeOfOutputGradient({
  hasLengths,
  hasOutputGradient,
}: ScanGradientAttributes): number | undefined {
  if (!hasOutputGradient) return undefined;
  return hasLengths ? 4 : 3;
}

/** How a scan kernel is laid over sequences and time; see `shaders/lib/scan.wgsl`. */
export interface ScanShape {
  /** Sequences (units of batch rows) of a workgroup. */
  readonly lanes: number;
  /** Threads along time. */
  readonly chunks: number;
  /** Steps that a thread combines before it looks at the others. */
  readonly chunkSteps: number;
}

/** Sequences from which on a GPU is full without threads along time. */
const MANY_SEQUENCES = 2 ** 17;
const WIDE_LANES = 32;
const WIDE_CHUNKS = 8;
const WIDE_CHUNK_STEPS = 4;
/** Few, so that small layers have a workgroup for each core. */
const NARROW_LANES = 16;

/** Threads along time where they bring work to lanes that would idle, one step after another elsewhere. */
export function chooseScanShape(
  limits: PlanLimits,
  { steps, batch, hiddenSize }: Pick<ScanAttributes, 'steps' | 'batch' | 'hiddenSize'>,
): ScanShape & { readonly reason: string } {
  if (limits.residentLanes !== undefined) {
    const reason = 'the one workgroup of a resident plan';
    return { lanes: limits.residentLanes, chunks: 1, chunkSteps: 1, reason };
  }
  if (isNarrow(limits)) {
    const reason = 'a software adapter has no threads to spare for time';
    return { lanes: NARROW_LANES, chunks: 1, chunkSteps: 1, reason };
  }
  const sequences = batch * hiddenSize;
  if (sequences >= MANY_SEQUENCES || steps <= WIDE_CHUNK_STEPS) {
    const reason =
      steps <= WIDE_CHUNK_STEPS
        ? `${steps} steps are too few to share`
        : `${sequences} sequences fill a GPU`;
    return { lanes: 64, chunks: 1, chunkSteps: Math.min(WIDE_CHUNK_STEPS, steps), reason };
  }
  const chunks = Math.min(WIDE_CHUNKS, Math.ceil(steps / WIDE_CHUNK_STEPS));
  const reason = `${sequences} sequences leave a GPU threads for time`;
  return { lanes: WIDE_LANES, chunks, chunkSteps: WIDE_CHUNK_STEPS, reason };
}

/** Steps of units that one dispatch may carry: milliseconds on a GPU, about a second on a software adapter. */
const UNIT_STEPS_PER_DISPATCH = 2 ** 26;
/** Blocks that one dispatch may carry: Mesa's llvmpipe ends a loop after 65,535 rounds. */
const BLOCKS_PER_DISPATCH = 32_768;

/** The spans of positions that a scan's dispatches carry: one, unless it is extremely long. */
export function cutScan(
  { steps, batch, hiddenSize }: Pick<ScanAttributes, 'steps' | 'batch' | 'hiddenSize'>,
  { chunks, chunkSteps }: ScanShape,
): { readonly first: number; readonly end: number }[] {
  const most = Math.min(
    Math.max(1, Math.floor(UNIT_STEPS_PER_DISPATCH / (batch * hiddenSize))),
    BLOCKS_PER_DISPATCH * chunks * chunkSteps,
  );
  const spans = [];
  for (let first = 0; first < steps; first += most) {
    spans.push({ first, end: Math.min(first + most, steps) });
  }
  return spans;
}
