import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { FileFormatError, OptionError } from '../errors.ts';
import { readCheckpoint } from '../training/checkpoint.ts';
import { textStream } from '../training/text-stream.ts';
import type { Vocabulary } from '../training/vocabulary.ts';
import { readText, type TextSource } from './text-source.ts';
import { listGivenSettings, readSettings, type TrainFlags } from './train-options.ts';
import {
  buildCharacterModel,
  buildOptimizer,
  buildSchedule,
  readStoredRun,
  type StoredRun,
  type TrainSettings,
} from './train-settings.ts';

/** A run after reading flags, text and, where it goes on, the checkpoint. */
export interface PreparedRun {
  readonly settings: TrainSettings;
  readonly source: TextSource;
  readonly prompt: string;
  readonly path: string;
  readonly checkpoint?: Uint8Array;
  readonly vocabulary?: Vocabulary;
}

/**
 * Reads what the flags name: a text and, where a run goes on, its checkpoint.
 *
 * @throws {GatefoldError} for flags and files that do not fit together.
 */
export async function prepareRun(flags: TrainFlags, command: Command): Promise<PreparedRun> {
  if (flags.resume === undefined) {
    const source = await readText(flags.text);
    const settings = readSettings(flags, command.opts());
    const path = flags.checkpoint ?? `checkpoints/${settings.cell}.safetensors`;
    return { settings, source, prompt: flags.prompt ?? source.opening, path };
  }
  const checkpoint = new Uint8Array(await readFile(flags.resume));
  const { run, vocabulary, step } = readCheckpoint(checkpoint, flags.resume);
  const stored = readStoredRun(run, flags.resume);
  const [given] = listGivenSettings(command);
  if (given !== undefined) {
    throw new OptionError(
      `--resume goes on with the settings of ${flags.resume}, got another ${given} as well. ` +
        'Leave it out, or start a new run without --resume.',
    );
  }
  if (step >= flags.steps) {
    throw new OptionError(
      `--steps is ${flags.steps}, ${flags.resume} has done ${step} already. ` +
        `Ask for more in all, for example --steps ${2 * step}.`,
    );
  }
  const source = await readText(flags.text ?? stored.text.path ?? undefined);
  if (source.sha256 !== stored.text.sha256) {
    throw new FileFormatError(
      `${source.name} is not the text that ${flags.resume} was trained on (${stored.text.name}). ` +
        'Pass that one as --text.',
    );
  }
  return {
    settings: stored.settings,
    source,
    prompt: flags.prompt ?? stored.prompt,
    path: flags.checkpoint ?? flags.resume,
    checkpoint,
    ...(vocabulary && { vocabulary }),
  };
}

/** The model and its data, as `Trainer.create` and `tune` take them, and what checkpoints keep of the run. */
export function buildTraining({ settings, source, prompt, vocabulary: stored }: PreparedRun) {
  const data = textStream(source.text, {
    batch: settings.batch,
    steps: settings.sequence,
    heldOut: settings.heldOut,
    ...(stored && { vocabulary: stored }),
  });
  const vocabulary = data.vocabulary as Vocabulary;
  vocabulary.encode(prompt);
  const { path, name, sha256 } = source;
  return {
    model: buildCharacterModel(settings, vocabulary.size),
    data: { ...data, vocabulary },
    optimizer: buildOptimizer(settings),
    schedule: buildSchedule(settings),
    stateful: settings.stateful,
    seed: settings.seed,
    ...(settings.clipNorm > 0 && { clipNorm: settings.clipNorm }),
    ...(settings.strategy && { strategy: settings.strategy }),
    ...(settings.precision && { precision: settings.precision }),
    stored: { settings, text: { path, name, sha256 }, prompt } satisfies StoredRun,
  };
}
