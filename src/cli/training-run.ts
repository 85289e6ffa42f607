import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { AbortedError } from '../errors.ts';
import { Trainer } from '../training/trainer.ts';
import type { OpenDevice } from './device-option.ts';
import { exitCodes } from './failure.ts';
import { formatCount, formatDuration, formatQuotation } from './format.ts';
import { Interruption } from './interruption.ts';
import { buildTraining, type PreparedRun, prepareRun } from './prepared-run.ts';
import { type OutputStream, ProgressDisplay } from './progress.ts';
import { unigramEntropy } from './text-source.ts';
import type { TrainFlags } from './train-options.ts';
import { findTuning } from './tuning-file.ts';

/** Most batches of held-out text that are evaluated at the end. */
const evaluationBatches = 200;

/** What {@link trainCharacters} works with. */
export interface TrainingJob {
  readonly open: OpenDevice;
  readonly flags: TrainFlags;
  /** The command the flags belong to: it knows which ones the user gave. */
  readonly command: Command;
  readonly output: OutputStream;
  /** Minutes after which to stop where the user has said nothing about it. */
  readonly defaultTimeLimit?: number;
}

/**
 * Trains a character model as the flags say, telling how it goes, and saves its checkpoint.
 *
 * @returns the exit code: 0, or 130 and 143 where a signal ended the training early.
 * @throws {GatefoldError} for flags, files or data that do not fit together, and from training.
 */
export async function trainCharacters(job: TrainingJob): Promise<number> {
  const { open, flags, output } = job;
  const run = await prepareRun(flags, job.command);
  const tuning = flags.tuning && (await findTuning(open, flags.tuning));
  const { stored, ...training } = buildTraining(run);
  await using trainer = await Trainer.create({
    device: open.device,
    ...training,
    run: { ...stored },
    ...(flags.validate && { validate: { every: flags.validate } }),
    ...(run.checkpoint && { checkpoint: run.checkpoint }),
    ...(tuning && { tuning: tuning.tuning }),
  });
  await mkdir(dirname(run.path), { recursive: true });
  output.write(`${describeRun(open, run, trainer, training.data.vocabulary.size)}\n`);
  if (tuning) output.write(`tuning      ${tuning.description}\n`);
  for (const note of trainer.resumeNotes) output.write(`note: ${note}\n`);
  if (flags.explain) output.write(`${trainer.explain()}\n`);
  return await new Session(job, run, trainer).run();
}

function describeRun(
  { description }: OpenDevice,
  { settings, source, checkpoint }: PreparedRun,
  trainer: Trainer,
  vocabularySize: number,
): string {
  const parameters = [...trainer.network.layout.slots.values()];
  const count = parameters.reduce((sum, { size }) => sum + size, 0);
  const { cell, cellOptions, hidden, layers, embedding } = settings;
  const options = Object.entries(cellOptions).map(([name, value]) => `, ${name} ${value}`);
  const input = embedding === 'one-hot' ? 'one-hot' : `embedding ${embedding}`;
  return [
    `adapter     ${description}`,
    `text        ${source.name}: ${formatCount(source.text.length)} characters, ` +
      `${vocabularySize} distinct, unigram entropy ${unigramEntropy(source.text).toFixed(3)} nats`,
    `model       ${input} → ${cell} ${hidden}${layers > 1 ? ` × ${layers} layers` : ''}` +
      `${options.join('')} → linear, ${formatCount(count)} parameters`,
    `training    batch ${settings.batch} × ${settings.sequence} time steps, ${settings.optimizer}` +
      `${settings.learningRate === undefined ? '' : ` ${settings.learningRate}`}, ` +
      `${settings.schedule} schedule, seed ${settings.seed}` +
      `${settings.precision ? `, ${settings.precision}` : ''}` +
      `${checkpoint ? `, resumed after step ${trainer.step}` : ''}`,
  ].join('\n');
}

/** One stretch of training: steps, samples and checkpoints in between, and the account at the end. */
class Session {
  readonly #job: TrainingJob;
  readonly #run: PreparedRun;
  readonly #trainer: Trainer;
  readonly #display: ProgressDisplay;
  readonly #firstStep: number;
  #savedStep = -1;
  #trainingMs = 0;
  #losses: number[] = [];
  #skippedSteps = 0;

  constructor(job: TrainingJob, run: PreparedRun, trainer: Trainer) {
    this.#job = job;
    this.#run = run;
    this.#trainer = trainer;
    this.#firstStep = trainer.step;
    this.#display = new ProgressDisplay({
      output: job.output,
      firstStep: trainer.step,
      totalSteps: job.flags.steps,
      tokensPerStep: trainer.tokensPerStep,
    });
  }

  async run(): Promise<number> {
    const { flags, defaultTimeLimit } = this.#job;
    await this.#sample(this.#firstStep === 0 ? 'before training' : `after step ${this.#firstStep}`);
    const minutes = flags.timeLimit ?? defaultTimeLimit;
    using interruption = new Interruption(
      (signal) =>
        this.#display.print(
          `${signal}: finishing the steps under way and saving; once more stops at once`,
        ),
      minutes === undefined ? undefined : minutes * 60_000,
    );
    try {
      await this.#train(interruption.signal);
    } catch (error) {
      if (!(error instanceof AbortedError)) throw error;
    } finally {
      this.#display.finish();
    }
    const { reason } = interruption;
    if (reason === 'SIGINT' || reason === 'SIGTERM') {
      await this.#save();
      this.#display.print(this.#describeStop(reason));
      return exitCodes[reason];
    }
    if (reason === 'time limit') this.#display.print(this.#describeStop(`${minutes} minutes`));
    await this.#save();
    await this.#summarize();
    return exitCodes.success;
  }

  /** Trains up to the last step, in stretches between samples and checkpoints. */
  async #train(signal: AbortSignal): Promise<void> {
    const { steps, saveEvery, sampleEvery } = this.#job.flags;
    while (this.#trainer.step < steps) {
      const { step } = this.#trainer;
      const stops = [saveEvery, sampleEvery].flatMap((n) => (n ? [n - (step % n)] : []));
      const begun = performance.now();
      this.#display.begin();
      try {
        for await (const progress of this.#trainer.fit({
          steps: Math.min(steps - step, ...stops),
          signal,
        })) {
          this.#losses.push(progress.loss);
          if (progress.skipped) this.#skippedSteps += 1;
          this.#display.update(progress);
        }
      } finally {
        this.#trainingMs += performance.now() - begun;
      }
      const now = this.#trainer.step;
      if (saveEvery && now % saveEvery === 0) await this.#save();
      if (sampleEvery && now % sampleEvery === 0 && now < steps) {
        await this.#sample(`after step ${now}`);
      }
    }
  }

  async #save(): Promise<void> {
    if (this.#savedStep === this.#trainer.step) return;
    await this.#trainer.save(this.#run.path);
    this.#savedStep = this.#trainer.step;
  }

  async #sample(when: string): Promise<void> {
    const { sampleLength: length, temperature } = this.#job.flags;
    const { prompt, settings } = this.#run;
    const text = await this.#trainer.sample(prompt, { length, temperature, seed: settings.seed });
    this.#display.print(formatQuotation(`sample ${when}`, prompt + text));
  }

  #describeStop(why: string): string {
    const { step } = this.#trainer;
    return (
      `stopped by ${why} after step ${step}; checkpoint in ${this.#run.path}\n` +
      `go on: gatefold train --resume ${this.#run.path} --steps ${this.#job.flags.steps}`
    );
  }

  async #summarize(): Promise<void> {
    const { source, settings, path } = this.#run;
    const trainer = this.#trainer;
    await this.#sample('after training');
    const recent = this.#losses.slice(-50);
    const loss = recent.reduce((sum, value) => sum + value, 0) / recent.length;
    const tokens = (trainer.step - this.#firstStep) * trainer.tokensPerStep;
    const lines = [
      `trained     step ${trainer.step} in ${formatDuration(this.#trainingMs)}, ` +
        `${formatCount((1000 * tokens) / this.#trainingMs)} tok/s on ${this.#job.open.description}`,
      `train loss  ${loss.toFixed(3)} nats per character (mean of the last ${recent.length} steps)`,
    ];
    if (settings.precision === 'f16') {
      lines.push(
        `precision   f16; ${this.#skippedSteps} steps changed nothing, as their gradients overflowed`,
      );
    }
    if (settings.heldOut > 0) {
      const heldOut = await trainer.evaluate({ batches: evaluationBatches });
      lines.push(
        `held-out    ${heldOut.toFixed(3)} nats per character on text not trained on ` +
          `(unigram entropy ${unigramEntropy(source.text).toFixed(3)})`,
      );
    }
    lines.push(`checkpoint  ${path}`, `more        gatefold sample ${path} --length 500`);
    this.#display.print(lines.join('\n'));
  }
}
