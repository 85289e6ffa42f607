import { type CellName, cells } from '../cells/registry.ts';
import { FileFormatError } from '../errors.ts';
import type { PlanStrategy, Precision } from '../graph/operator.ts';
import { dropout, embedding, linear, oneHot } from '../layers/basic.ts';
import { layerNorm } from '../layers/layer-norm.ts';
import { type Model, sequential } from '../layers/model.ts';
import { recurrent } from '../layers/recurrent.ts';
import type { Optimizer } from '../training/optimizer.ts';
import { makeOptimizer } from '../training/optimizers.ts';
import {
  constantRate,
  cosineDecay,
  type LearningRateSchedule,
  reduceOnPlateau,
  stepDecay,
  warmUp,
} from '../training/schedules.ts';

/** Everything that decides what a training run computes, as plain data: kept in its checkpoints. */
export interface TrainSettings {
  readonly batch: number;
  /** Time steps per training step. */
  readonly sequence: number;
  readonly heldOut: number;
  readonly stateful: boolean;
  readonly cell: string;
  /** Options of the cell, by name. */
  readonly cellOptions: Readonly<Record<string, unknown>>;
  readonly hidden: number;
  readonly layers: number;
  readonly embedding: number | 'one-hot';
  readonly dropout: number;
  readonly inputDropout?: number;
  readonly recurrentDropout?: number;
  readonly weightDropout?: number;
  readonly zoneout?: number;
  readonly residual?: boolean;
  /** Whether a layer norm follows the recurrent layers. */
  readonly layerNorm?: boolean;
  readonly forgetBias?: number;
  readonly recurrentInitializer?: string;
  readonly heads?: number;
  readonly optimizer: string;
  /** Absent: the optimizer's own. */
  readonly learningRate?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly schedule: string;
  /** Training steps over which the schedule runs. */
  readonly scheduleSteps: number;
  readonly warmUp: number;
  /** 0: gradients are not clipped. */
  readonly clipNorm: number;
  readonly seed: number;
  readonly strategy?: PlanStrategy;
  /** Absent: f32. */
  readonly precision?: Precision;
}

/** Settings of the recurrent layers that are theirs by the same name. */
const recurrentSettings = [
  'inputDropout',
  'recurrentDropout',
  'weightDropout',
  'zoneout',
  'residual',
] as const;

/** Settings of the layers that a run has only where they were given. */
export const layerSettings = [...recurrentSettings, 'layerNorm'] as const;

/** What the command line stores in a checkpoint beside what the library does. */
export interface StoredRun {
  readonly settings: TrainSettings;
  readonly text: { readonly path: string | null; readonly name: string; readonly sha256: string };
  readonly prompt: string;
}

/** Curves of the learning rate by their name on the command line. */
const curves: Readonly<Record<string, (steps: number) => LearningRateSchedule>> = {
  constant: () => constantRate(),
  cosine: (steps) => cosineDecay({ totalSteps: steps }),
  step: (steps) => stepDecay({ stepSize: Math.max(1, Math.ceil(steps / 3)) }),
  plateau: () => reduceOnPlateau(),
};

/** Names for `--schedule`. */
export const scheduleNames: readonly string[] = Object.keys(curves);

/** The model that a run trains: characters in, logits of the next character out. */
export function buildCharacterModel(settings: TrainSettings, vocabularySize: number): Model {
  const { cell, hidden, layers, forgetBias, recurrentInitializer, heads } = settings;
  return sequential([
    settings.embedding === 'one-hot'
      ? oneHot(vocabularySize)
      : embedding(vocabularySize, settings.embedding),
    recurrent(cell as CellName, hidden, {
      layers,
      ...settings.cellOptions,
      ...(layers > 1 && settings.dropout > 0 && { dropout: settings.dropout }),
      ...Object.fromEntries(
        recurrentSettings.flatMap((name) =>
          settings[name] === undefined ? [] : [[name, settings[name]]],
        ),
      ),
      ...(forgetBias !== undefined && { forgetBias }),
      ...(heads !== undefined && { heads }),
      ...(recurrentInitializer !== undefined && {
        recurrentInitializer: recurrentInitializer as 'uniform' | 'orthogonal',
      }),
    }),
    ...(settings.layerNorm ? [layerNorm()] : []),
    ...(settings.dropout > 0 ? [dropout(settings.dropout)] : []),
    linear(vocabularySize),
  ]);
}

/** The optimizer with the options that were given; it refuses those that it does not have. */
export function buildOptimizer(settings: TrainSettings): Optimizer {
  const { learningRate, momentum, weightDecay } = settings;
  return makeOptimizer(settings.optimizer, {
    ...(learningRate !== undefined && { learningRate }),
    ...(momentum !== undefined && { momentum }),
    ...(weightDecay !== undefined && { weightDecay }),
  });
}

/** The learning-rate schedule; the curve begins after the warm-up. */
export function buildSchedule(settings: TrainSettings): LearningRateSchedule {
  const steps = Math.max(1, settings.scheduleSteps - settings.warmUp);
  const curve = (curves[settings.schedule] ?? constantRate)(steps);
  return settings.warmUp > 0 ? warmUp({ steps: settings.warmUp }, curve) : curve;
}

/**
 * What a checkpoint says about the run that saved it.
 *
 * @throws {FileFormatError} if the checkpoint was not saved by this command.
 */
export function readStoredRun(
  run: Readonly<Record<string, unknown>> | undefined,
  source: string,
): StoredRun {
  const stored = run as Partial<StoredRun> | undefined;
  const cell = stored?.settings?.cell;
  if (stored?.text && cell !== undefined && Object.hasOwn(cells, cell)) return stored as StoredRun;
  throw new FileFormatError(
    `${source}: the checkpoint does not say how it was trained, expected one that 'gatefold train' ` +
      'has saved. Resume it in code with Trainer.create({ checkpoint }).',
  );
}
