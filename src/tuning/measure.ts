import type { Device } from '../device/device.ts';
import { AbortedError, OptionError } from '../errors.ts';
import type { PlanLimits } from '../graph/operator.ts';
import { describeChanges, type Tunable } from '../graph/tunable.ts';
import { ProbeArena } from './arena.ts';
import { type OpenChoice, workOf } from './collect.ts';
import { type CandidateReport, type SearchResult, searchShape } from './search.ts';
import { refuseStored } from './shape-source.ts';
import { formatMs, type ShapeAxes, type TunedShape, type Tuning, tuningVersion } from './tuning.ts';

/** How tuning comes along: one report per candidate, per kernel that is done, and for what went wrong. */
export interface TuneProgress {
  readonly elapsedMs: number;
  readonly budgetMs: number;
  /** Kernels that are done, and all that are to be measured. */
  readonly done: number;
  readonly total: number;
  /** The kernel and its sizes. Absent where something is said of the whole. */
  readonly key?: string;
  /** A candidate that has been looked at: what became of it. */
  readonly candidate?: CandidateReport;
  /** What happened, in words. */
  readonly message: string;
}

/** What to measure, for how long. */
export interface MeasureRequest {
  readonly device: Device;
  readonly limits: PlanLimits;
  readonly choices: readonly OpenChoice[];
  /** What need not be measured again. */
  readonly known?: Tuning | undefined;
  readonly budgetMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TuneProgress) => void) | undefined;
  /** Given all that is known whenever a kernel is done. */
  readonly keep?: (tuning: Tuning) => Promise<void>;
}

/**
 * Measures choices one after another, those with most work first. Each has a share of the time left that
 * is its share of the work left, so what one does not use goes to the others.
 *
 * @returns the known shapes and those measured.
 * @throws {AbortedError} when the signal fires.
 * @throws {ParityError} if the device computes wrong results with the built-in shapes.
 */
export async function measureChoices(request: MeasureRequest): Promise<Tuning> {
  const { device, known, budgetMs, signal, onProgress } = request;
  const begun = performance.now();
  const shapes: Record<string, TunedShape> = { ...known?.shapes };
  const open = request.choices.filter(({ tunable }) => !isSettled(tunable, shapes[tunable.key]));
  let done = 0;
  const elapsedMs = () => performance.now() - begun;
  const tell = (what: Pick<TuneProgress, 'message' | 'key' | 'candidate'>) =>
    onProgress?.({ elapsedMs: elapsedMs(), budgetMs, done, total: open.length, ...what });
  const describeTuning = (): Tuning => ({
    version: tuningVersion,
    adapter: device.info,
    shapes: { ...shapes },
  });
  const pause = () => {
    if (!signal?.aborted) return;
    throw new AbortedError(`tune: aborted after ${done} of ${open.length} kernels.`, {
      cause: signal.reason,
    });
  };
  for (const [index, choice] of open.entries()) {
    const { tunable } = choice;
    const { key } = tunable;
    pause();
    const workLeft = open.slice(index).reduce((sum, other) => sum + workOf(other), 0);
    const leftMs = budgetMs - elapsedMs();
    if (leftMs <= 0) {
      const rest = open.length - done;
      tell({
        message: `the budget is spent: ${rest} of ${open.length} kernels are left to the rule`,
      });
      break;
    }
    const share = workLeft > 0 ? workOf(choice) / workLeft : 1;
    const deadline = elapsedMs() + leftMs * share;
    try {
      const result = await measureOne(request, tunable, {
        stored: shapes[key],
        isOver: () => elapsedMs() >= deadline,
        pause,
        report: (candidate) => {
          const { shape, outcome, reason } = candidate;
          tell({
            key,
            candidate,
            message: `${describeChanges(tunable.builtIn, shape)}: ${outcome}, ${reason}`,
          });
        },
      });
      const { shape, ...figures } = result;
      shapes[key] = { shape: shape as ShapeAxes, ...figures };
      done += 1;
      tell({ key, message: describeResult(tunable, result) });
      await request.keep?.(describeTuning());
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      done += 1;
      tell({ key, message: error.message });
    }
  }
  return describeTuning();
}

/** Whether a stored shape can be taken as it is. */
function isSettled(tunable: Tunable, entry: TunedShape | undefined): boolean {
  return entry !== undefined && !entry.interrupted && refuseStored(tunable, entry) === undefined;
}

interface OneSearch {
  readonly stored: TunedShape | undefined;
  isOver(): boolean;
  pause(): void;
  report(candidate: CandidateReport): void;
}

async function measureOne(
  { device, limits }: MeasureRequest,
  tunable: Tunable,
  { stored, ...callbacks }: OneSearch,
): Promise<SearchResult<object>> {
  const arena = new ProbeArena(device, limits, tunable);
  try {
    return await searchShape(tunable, arena, {
      countsBuilding: device.info.software,
      earlier:
        stored && !refuseStored(tunable, stored)
          ? { shape: stored.shape, tried: stored.interrupted ?? [] }
          : undefined,
      ...callbacks,
    });
  } finally {
    arena.dispose();
  }
}

function describeResult(
  { builtIn }: Tunable,
  { shape, ms, ruleMs, candidates, interrupted }: SearchResult<object>,
): string {
  const end = `${candidates} shapes${interrupted ? ', search cut short by the budget' : ''}`;
  return describeChanges(builtIn, shape) === ''
    ? `the rule's shape stays, ${formatMs(ms)} (${end})`
    : `${describeChanges(builtIn, shape)}: ${formatMs(ms)}, the rule's shape ` +
        `${formatMs(ruleMs)} (${end})`;
}
