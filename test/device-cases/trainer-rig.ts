import { Trainer, type TrainerOptions, type TrainingProgress } from '../../src/index.ts';
import { tolerance } from '../../src/reference/tolerance.ts';

/** How long a rig trains. */
export interface Stretch {
  readonly steps: number;
  readonly stepsPerSubmit?: number;
}

/** Trains on and returns what every step reported. */
export async function trainOn(trainer: Trainer, stretch: Stretch): Promise<TrainingProgress[]> {
  const progress: TrainingProgress[] = [];
  for await (const step of trainer.fit(stretch)) progress.push(step);
  return progress;
}

/** Runs `use` with a new trainer, which is disposed afterwards. */
export async function withTrainer<T>(
  options: TrainerOptions,
  use: (trainer: Trainer) => Promise<T>,
): Promise<T> {
  const trainer = await Trainer.create({ selfTest: false, ...options });
  try {
    return await use(trainer);
  } finally {
    await trainer.dispose();
  }
}

/** What a new trainer reports of its first steps. */
export function trainFresh(options: TrainerOptions, stretch: Stretch): Promise<TrainingProgress[]> {
  return withTrainer(options, (trainer) => trainOn(trainer, stretch));
}

/** Checkpoint of a new trainer after its first steps. */
export function checkpointAfter(
  options: TrainerOptions,
  stretch: Stretch,
): Promise<Uint8Array<ArrayBuffer>> {
  return withTrainer(options, async (trainer) => {
    await trainOn(trainer, stretch);
    return trainer.checkpoint();
  });
}

/**
 * Throws where a device's report of a step is further from the reference's than float32 explains. The error
 * of the weights grows with every update, so the bound of step n is that of n sums through time.
 *
 * @param sums - time steps of a batch, and terms of the longest sum in one of them.
 * @returns the worst ratio of a loss to its bound.
 */
export function assertSameTraining(
  got: readonly TrainingProgress[],
  expected: readonly TrainingProgress[],
  sums: { readonly steps: number; readonly fanIn: number },
): number {
  if (got.length !== expected.length) {
    throw new Error(`got ${got.length} steps, expected ${expected.length}`);
  }
  let worst = 0;
  for (const [index, want] of expected.entries()) {
    const have = got[index] as TrainingProgress;
    if (have.step !== want.step) throw new Error(`got step ${have.step}, expected ${want.step}`);
    const steps = want.step * sums.steps;
    for (const name of ['loss', 'gradientNorm', 'learningRate'] as const) {
      const bound = tolerance({ ...sums, steps, magnitude: Math.abs(want[name]) });
      const ratio = Math.abs(have[name] - want[name]) / bound;
      if (!(ratio <= 1)) {
        throw new Error(
          `step ${want.step}: ${name} is ${have[name]}, the reference has ${want[name]}: ` +
            `${ratio.toPrecision(3)} of the tolerance`,
        );
      }
      if (name === 'loss') worst = Math.max(worst, ratio);
    }
  }
  return worst;
}
