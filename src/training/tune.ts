import type { Device } from '../device/device.ts';
import { FileFormatError, OptionError } from '../errors.ts';
import type { TensorType } from '../graph/tensor.ts';
import type { Model } from '../layers/model.ts';
import type { Program, ScheduleOptions } from '../schedule/program.ts';
import { schedule } from '../schedule/schedule.ts';
import { readCache, writeCache } from '../tuning/cache.ts';
import { collectTunables } from '../tuning/collect.ts';
import { measureChoices, type TuneProgress } from '../tuning/measure.ts';
import type { Tuning } from '../tuning/tuning.ts';
import type { TrainingSpec } from './engine.ts';
import { evaluationProgram } from './gpu-evaluator.ts';
import { GpuStore } from './gpu-store.ts';
import { checkNumber, positive, show } from './options.ts';
import { planOptions } from './plan-limits.ts';
import { ResidentData } from './resident-data.ts';
import { samplingProgram, traceToken } from './sampler.ts';
import { readSpec, type TrainerOptions } from './trainer-setup.ts';
import { buildLossGraph, layoutOf } from './training-graph.ts';
import { trainingProgram } from './training-program.ts';

/** How long to measure, and what to do with the results. */
export interface MeasureOptions {
  readonly device: Device;
  readonly model: Model;
  /** Time to measure for, in ms; a measurement under way is finished. Default 20 000. */
  readonly budgetMs?: number;
  readonly signal?: AbortSignal;
  /** Told of every candidate, every kernel that is done, and of a cache that cannot be used. */
  readonly onProgress?: (progress: TuneProgress) => void;
  /**
   * Whether to leave out what was measured earlier on this adapter, and to keep what is measured now: in the
   * browser's IndexedDB, or in the cache folder of Node and Deno. Default true.
   */
  readonly cache?: boolean;
}

/** Tunes for training: the options of `Trainer.create`, of which some do not matter here. */
export interface TuneTrainingOptions
  extends MeasureOptions,
    Omit<TrainerOptions, 'device' | 'model' | 'tuning'> {
  readonly inputs?: never;
}

/** Tunes for `Network.forward` with inputs of these shapes. */
export interface TuneForwardOptions extends MeasureOptions {
  /** Shapes and element types of the model's inputs, by name. */
  readonly inputs: Readonly<Record<string, TensorType>>;
  readonly data?: never;
}

/** What {@link tune} measures for. */
export type TuneOptions = TuneTrainingOptions | TuneForwardOptions;

const defaultBudgetMs = 20_000;

/**
 * Measures kernel shapes on this adapter, for the plans of training, evaluation and (models of text) sampling,
 * or for a forward pass. Every candidate is checked before it is timed. Pass the result to `Trainer.create` or
 * `Network.load` as `tuning`; nothing uses it unasked. It is plain JSON and can be shipped.
 *
 * Equal measurements lead to equal choices: a shape is taken in place of the rule's if it takes at most 95 % of
 * its time, twice. `docs/adr/0012-tuning.md` says how.
 *
 * @throws {AbortedError} when the signal fires; kernels that are done are in the cache.
 * @throws {ParityError} if the device computes wrong results with the built-in shapes.
 */
export async function tune(options: TuneOptions): Promise<Tuning> {
  const { device, signal, onProgress, cache = true } = options;
  if (typeof device !== 'object') {
    throw new OptionError(
      `tune: device is ${show(device)}, expected one from requestDevice(): the reference has no kernels.`,
    );
  }
  const budgetMs = checkNumber('tune', 'budgetMs', options.budgetMs ?? defaultBudgetMs, positive);
  const plans = options.inputs ? listForwardPlans(options) : listTrainingPlans(options);
  const base = planOptions({ device });
  const choices = collectTunables((tuning) => {
    for (const { program, ...rest } of plans) schedule(program, { ...base, ...rest, tuning });
  });
  const note = (message: string) =>
    onProgress?.({ elapsedMs: 0, budgetMs, done: 0, total: choices.length, message });
  const known = cache ? await readKnown(device, note) : undefined;
  const { limits } = base;
  let isKept = true;
  return measureChoices({
    device,
    limits,
    choices,
    known,
    budgetMs,
    signal,
    onProgress,
    keep: async (tuning) => {
      if (!cache || !isKept) return;
      try {
        await writeCache(tuning);
      } catch (error) {
        isKept = false;
        note(`what is measured cannot be kept: ${messageOf(error)}`);
      }
    },
  });
}

/**
 * What {@link tune} has measured and kept on this adapter, without measuring anything.
 *
 * @returns undefined if there is nothing.
 * @throws {FileFormatError} if what is kept cannot be read; the next `tune()` measures and writes it anew.
 */
export function loadTuning(device: Device): Promise<Tuning | undefined> {
  return readCache(device.info);
}

interface TunedPlan extends Partial<ScheduleOptions> {
  readonly program: Program;
}

function listTrainingPlans(options: TuneTrainingOptions): TunedPlan[] {
  const spec = readSpec(options);
  // Names the buffers of the data; nothing is created.
  const resident = new ResidentData(new GpuStore(options.device));
  const { model, data, loss, stateful, strategy } = spec;
  const evaluated = buildLossGraph(model, data, loss, 'inference', stateful);
  const forced = strategy ? { strategy } : {};
  return [
    { program: trainingProgram(spec, resident), ...forced },
    { program: evaluationProgram(spec, resident, evaluated, data), ...forced },
    ...listSamplingPlans(spec),
  ];
}

function listSamplingPlans({ model, data, graph }: TrainingSpec): TunedPlan[] {
  if (!data.vocabulary) return [];
  try {
    return [{ program: samplingProgram(traceToken(model), graph.layout) }];
  } catch (error) {
    // A model of text that does not continue it, e.g. a classifier.
    if (error instanceof OptionError) return [];
    throw error;
  }
}

function listForwardPlans({ model, inputs }: TuneForwardOptions): TunedPlan[] {
  const traced = model.trace(inputs);
  const outputs = new Map(Object.entries(traced.outputs));
  return [{ program: { name: 'forward', parameters: layoutOf(traced), outputs } }];
}

async function readKnown(
  device: Device,
  note: (message: string) => void,
): Promise<Tuning | undefined> {
  try {
    return await readCache(device.info);
  } catch (error) {
    const anew = error instanceof FileFormatError ? ' It is measured and written anew.' : '';
    note(`what was kept could not be used: ${messageOf(error)}${anew}`);
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
