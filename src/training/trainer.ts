import type { Device } from '../device/device.ts';
import { AbortedError, NonFiniteError, OptionError } from '../errors.ts';
import { writeCheckpoint } from './checkpoint.ts';
import type { DataSource } from './data.ts';
import type { Engine, TrainingSpec } from './engine.ts';
import type { Network } from './network.ts';
import { describeNonFinite } from './non-finite.ts';
import { checkNumber, positiveInteger } from './options.ts';
import type { PlateauWindow } from './plateau.ts';
import type { SampleOptions } from './sampling.ts';
import type { StepRecord } from './step-state.ts';
import { setUp, type TrainerOptions, type TrainerParts } from './trainer-setup.ts';
import { inputTypes } from './training-graph.ts';
import { validateStep } from './validate.ts';

/** What is known of a finished step. */
export interface TrainingProgress {
  /** Number of the step, from 1. */
  readonly step: number;
  /** Mean loss of its batch, before the update. */
  readonly loss: number;
  /** Norm of all gradients, before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Whether no weight changed, as f16 gradients overflowed: `gradientNorm` is infinite, the next step scales less. */
  readonly skipped: boolean;
}

/** How far to train. */
export interface FitOptions {
  /** Further steps. */
  readonly steps: number;
  readonly signal?: AbortSignal;
  /** Fixes how many steps one submit carries; by default about 50 ms of work, as measured. */
  readonly stepsPerSubmit?: number;
}

/** Work that one submit should carry at most. */
const SUBMIT_MS = 50;
/** Submits under way at once: the device never waits for the host. */
const SUBMITS_AHEAD = 2;

/**
 * Trains a model. Steps run on the device in groups, without the host in between; losses come back behind
 * them.
 */
export class Trainer {
  readonly #engine: Engine;
  readonly #spec: TrainingSpec;
  readonly #options: TrainerOptions;
  readonly #plateau: PlateauWindow | undefined;
  #isFitting = false;
  #failure: { readonly step: number; readonly error: NonFiniteError } | undefined;
  #msPerStep: number | undefined;
  /** The trained weights, for evaluation and sampling while training goes on. */
  readonly network: Network;
  /** What a resumed run does otherwise than the run that wrote the checkpoint; empty if nothing. */
  readonly resumeNotes: readonly string[];

  private constructor(options: TrainerOptions, parts: TrainerParts) {
    this.#options = options;
    this.#spec = parts.spec;
    this.#engine = parts.engine;
    this.#plateau = parts.plateau;
    this.network = parts.network;
    this.resumeNotes = parts.resumeNotes;
  }

  /**
   * Traces, differentiates, schedules and compiles; uploads data and weights; checks the device.
   *
   * @throws {OptionError} or {ShapeError} for options, data or layers that do not fit together.
   * @throws {ParityError} if the device computes wrong results in the self-test.
   * @throws {FileFormatError} if the checkpoint does not belong to this model.
   */
  static async create(options: TrainerOptions): Promise<Trainer> {
    return new Trainer(options, await setUp(options));
  }

  get device(): Device | 'reference' {
    return this.#options.device;
  }

  /** Training steps done. While {@link fit} runs, steps that are under way count. */
  get step(): number {
    return this.#failure?.step ?? this.#engine.step;
  }

  /** Elements of the batch's `target` (tokens of a language model), or of its first field. */
  get tokensPerStep(): number {
    const { fields } = this.#spec.data;
    const field = fields.find(({ name }) => name === 'target') ?? fields[0];
    return field ? field.shape.reduce((product, extent) => product * extent, 1) : 0;
  }

  /**
   * Trains, yielding once per step, in bursts. Leaving the loop lets the steps under way finish.
   *
   * @throws {AbortedError} after `signal` fired and the steps under way have been yielded.
   * @throws {NonFiniteError} naming the first tensor that is not finite; weights are those before the step.
   * @throws {ParityError} from validation.
   */
  async *fit(options: FitOptions): AsyncGenerator<TrainingProgress, void, undefined> {
    const { signal } = options;
    const end = this.step + checkNumber('fit', 'steps', options.steps, positiveInteger);
    if (options.stepsPerSubmit !== undefined) {
      checkNumber('fit', 'stepsPerSubmit', options.stepsPerSubmit, positiveInteger);
    }
    if (this.#isFitting) {
      throw new OptionError(
        'fit: another fit() of this trainer is running. Await or leave it first.',
      );
    }
    this.#isFitting = true;
    const pending: { count: number; records: Promise<StepRecord[]> }[] = [];
    let finishedAt = performance.now();
    try {
      while (true) {
        if (this.#failure) throw this.#failure.error;
        while (!signal?.aborted && this.step < end && this.#mayRunAhead(pending.length)) {
          if (this.#isValidated(this.step)) {
            if (pending.length > 0) break;
            pending.push({ count: 1, records: this.#runValidated().then((record) => [record]) });
            break;
          }
          const count = this.#chooseCount(end, options.stepsPerSubmit);
          pending.push({ count, records: this.#engine.run(count) });
          // Before the first measurement a second submit could be far too long.
          if (this.#msPerStep === undefined) break;
        }
        const next = pending.shift();
        if (!next) break;
        const records = await next.records;
        const now = performance.now();
        // Two submits may be seen finished at once: the second one's time is then no measure.
        this.#msPerStep = Math.max((now - finishedAt) / next.count, (this.#msPerStep ?? 0) / 2);
        finishedAt = now;
        for (const { step, loss, gradientNorm, ...rest } of await this.#take(records)) {
          const { learningRate, skipped } = rest;
          yield { step: step + 1, loss, gradientNorm, learningRate, skipped };
        }
        finishedAt = Math.max(finishedAt, performance.now() - SUBMIT_MS);
      }
    } finally {
      for (const { records } of pending) await this.#take(await records.catch(() => []));
      this.#isFitting = false;
    }
    if (signal?.aborted && this.step < end) {
      throw new AbortedError(`fit: aborted after step ${this.step} of ${end}.`, {
        cause: signal.reason,
      });
    }
  }

  /**
   * Mean loss on data that is not trained on, without dropout.
   *
   * @param options - `data` of the training data's shape, its held-out part by default; `batches` of it, all
   *   by default.
   * @throws {OptionError} if there is no such data.
   */
  async evaluate(options: { data?: DataSource; batches?: number } = {}): Promise<number> {
    const data = options.data ?? this.#spec.data.heldOut;
    if (!data) {
      throw new OptionError(
        'evaluate: there is no held-out data. Give textStream heldOut: 0.1, or pass data.',
      );
    }
    const batches = checkNumber(
      'evaluate',
      'batches',
      options.batches ?? data.batchCount,
      positiveInteger,
    );
    return this.#engine.evaluate(data, Math.min(batches, data.batchCount));
  }

  /** Continues a prompt with the weights as they are now; see {@link Network.sample}. */
  sample(prompt: string, options: SampleOptions = {}): Promise<string> {
    return this.network.sample(prompt, options);
  }

  /**
   * Everything that training needs to go on exactly as if it had not stopped, as a safetensors file:
   * weights by PyTorch's names, moments, carried states, step and data cursor, configuration.
   */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    const state = await this.#engine.exportState();
    const { step, learningRateScale, skippedSteps, lossScale } = state;
    const { model, data, optimizer, schedule, seed, graph } = this.#spec;
    const { run } = this.#options;
    return writeCheckpoint(
      {
        ...(model.config && { config: model.config }),
        ...(data.vocabulary && { vocabulary: data.vocabulary }),
        inputs: inputTypes(data),
        ...{ step, seed, learningRateScale },
        ...(skippedSteps !== undefined && { skippedSteps }),
        ...(lossScale && { lossScale }),
        optimizer: { name: optimizer.name, options: optimizer.options },
        schedule,
        ...this.#plateau?.saved,
        choices: this.#engine.choices,
        ...(run && { run }),
      },
      state,
      graph.layout,
    );
  }

  /**
   * Writes a {@link checkpoint} to a file, whole or not at all. Node and Deno only.
   *
   * @throws {OptionError} in a browser: offer `checkpoint()` as a download instead.
   */
  async save(path: string): Promise<void> {
    const bytes = await this.checkpoint();
    if (typeof process === 'undefined' || !process.versions?.node) {
      throw new OptionError(
        'save: there are no files here. Use checkpoint() and keep the bytes, e.g. as a download.',
      );
    }
    const { writeFileWhole } = await import('../device/node.ts');
    await writeFileWhole(path, bytes);
  }

  /** The plan of a step in words: launches, work, memory, and each choice with its reason. */
  explain(): string {
    return this.#engine.explain();
  }

  /** The engine, for tests and benches that count or measure. */
  get engine(): Engine {
    return this.#engine;
  }

  /** Frees all memory on the device. The device itself stays. */
  async dispose(): Promise<void> {
    await this.network.dispose();
    this.#engine.dispose();
  }

  /** {@link dispose}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #mayRunAhead(pending: number): boolean {
    // A plateau's factor must be in place before the steps that follow its observation.
    return this.#plateau ? pending === 0 : pending < SUBMITS_AHEAD;
  }

  #isValidated(step: number): boolean {
    const every = this.#options.validate?.every;
    return every !== undefined && step % every === 0;
  }

  #chooseCount(end: number, fixed: number | undefined): number {
    const step = this.step;
    const wanted =
      fixed ?? (this.#msPerStep === undefined ? 1 : Math.floor(SUBMIT_MS / this.#msPerStep));
    const limits = [end - step, this.#engine.maxStepsPerRun];
    if (this.#plateau) limits.push(this.#plateau.stepsLeft(step));
    const every = this.#options.validate?.every;
    if (every !== undefined) limits.push(every - (step % every));
    return Math.max(1, Math.min(wanted, ...limits));
  }

  async #runValidated(): Promise<StepRecord> {
    const before = await this.#engine.exportState();
    const details = await this.#engine.runDetailed();
    if (details.record.lossIsFinite && details.record.gradientsAreFinite) {
      await validateStep(this.#spec, before, details);
    }
    return details.record;
  }

  #observe(loss: number): void {
    const scale = this.#plateau?.observe(loss);
    if (scale !== undefined) this.#engine.setLearningRateScale(scale);
  }

  /** Takes note of finished steps, whether anybody looks at them or not. Returns those that count. */
  async #take(records: readonly StepRecord[]): Promise<readonly StepRecord[]> {
    if (this.#failure) return [];
    const counts = ({ lossIsFinite, gradientsAreFinite, skipped }: StepRecord) =>
      lossIsFinite && (gradientsAreFinite || skipped);
    const failed = records.find((record) => !counts(record));
    const counted = failed ? records.slice(0, records.indexOf(failed)) : records;
    for (const { loss } of counted) this.#observe(loss);
    if (failed) {
      const message = describeNonFinite(failed, await this.#engine.findNonFinite());
      this.#failure = { step: failed.step, error: new NonFiniteError(message) };
    }
    return counted;
  }
}
