import { describe, expect, it } from 'vitest';
import {
  AbortedError,
  adam,
  adamw,
  cosineDecay,
  dropout,
  embedding,
  linear,
  lstm,
  type Optimizer,
  readCheckpoint,
  reduceOnPlateau,
  rmsprop,
  rnn,
  sequential,
  sgd,
  stepDecay,
  type TrainerOptions,
  textStream,
  warmUp,
} from '../../src/index.ts';
import { tolerance } from '../../src/reference/tolerance.ts';
import {
  assertSameTraining,
  checkpointAfter,
  trainFresh,
  trainOn,
  withTrainer,
} from '../device-cases/trainer-rig.ts';
import { useDevice } from '../support/device.ts';

const device = useDevice();

const text = 'so much depends upon a red wheel barrow glazed with rain water ';
const [T, HIDDEN, VOCABULARY] = [4, 6, new Set(text).size];

/** Two LSTM layers with dropout on streams that start over after a few steps, states carried. */
function languageModel(changes: Partial<TrainerOptions> = {}): TrainerOptions {
  const data = textStream(text, { batch: 3, steps: T, heldOut: 0.25 });
  return {
    device: device(),
    data,
    model: sequential([
      embedding(VOCABULARY, 5),
      lstm(HIDDEN, { layers: 2, dropout: 0.2 }),
      dropout(0.25),
      linear(VOCABULARY),
    ]),
    optimizer: adam({ learningRate: 0.02 }),
    stateful: true,
    seed: 9,
    ...changes,
  };
}

/** Terms of the longest sums: the gates of a unit, or the rows of a batch. */
const sums = { steps: T, fanIn: 4 * HIDDEN };

/** Two train as the scheduler chooses, in one workgroup; the kernels of the others build in half the time. */
const runs: Readonly<Record<string, Partial<TrainerOptions>>> = {
  'sgd, momentum and warm-up': {
    optimizer: sgd({ learningRate: 0.3, momentum: 0.9 }),
    schedule: warmUp({ steps: 6, startFactor: 0.1 }),
  },
  'sgd, nesterov, clipped values, a rate that falls in steps': {
    optimizer: sgd({ learningRate: 0.2, momentum: 0.8, nesterov: true, weightDecay: 0.01 }),
    schedule: stepDecay({ stepSize: 7, gamma: 0.5 }),
    clipValue: 0.02,
    strategy: 'persistent',
  },
  'adam, clipped norm, warm-up and cosine': {
    optimizer: adam({ learningRate: 0.02 }),
    schedule: warmUp({ steps: 4 }, cosineDecay({ totalSteps: 16, minimum: 0.001 })),
    clipNorm: 0.3,
  },
  'adamw, stepwise': {
    optimizer: adamw({ learningRate: 0.02, weightDecay: 0.1 }),
    strategy: 'stepwise',
  },
  'rmsprop, without carried states': {
    optimizer: rmsprop({ learningRate: 0.005, momentum: 0.5 }),
    stateful: false,
    strategy: 'persistent',
  },
};

describe('twenty steps on the GPU', () => {
  it.each(Object.entries(runs))('equal the reference: %s', async (_, changes) => {
    const options = languageModel(changes);
    const expected = await trainFresh({ ...options, device: 'reference' }, { steps: 20 });
    const { batchCount } = options.data;
    expect(batchCount, 'the streams start over within the run').toBeLessThan(10);
    assertSameTraining(await trainFresh(options, { steps: 20, stepsPerSubmit: 7 }), expected, sums);
    expect(expected[19]?.loss).toBeLessThan(expected[0]?.loss as number);
  });

  it('lower the rate on a plateau when the reference does, across a checkpoint too', async () => {
    const optimizer: Optimizer = sgd({ learningRate: 1e-4 });
    const schedule = reduceOnPlateau({ patience: 0, threshold: 0.5, factor: 0.5 });
    const changes = { optimizer, schedule, stateful: false, strategy: 'persistent' } as const;
    const options = languageModel(changes);
    const expected = await trainFresh({ ...options, device: 'reference' }, { steps: 110 });
    expect(expected.map((step) => step.learningRate)).toEqual(
      Array.from({ length: 110 }, (__, index) => (index < 100 ? 1e-4 : 5e-5)),
    );
    const checkpoint = await checkpointAfter(options, { steps: 75 });
    const rest = await trainFresh({ ...options, checkpoint }, { steps: 35 });
    assertSameTraining(rest, expected.slice(75), sums);
  });
});

describe('fit', () => {
  it('does the same in any number of submits, to the last bit', async () => {
    const whole = await checkpointAfter(languageModel(), { steps: 12, stepsPerSubmit: 12 });
    for (const stepsPerSubmit of [1, 5]) {
      const other = await checkpointAfter(languageModel(), { steps: 12, stepsPerSubmit });
      expect(other).toEqual(whole);
    }
  });

  it('can be left, aborted and called again as if nothing had happened', async () => {
    const whole = await checkpointAfter(languageModel(), { steps: 14, stepsPerSubmit: 1 });
    await withTrainer(languageModel(), async (trainer) => {
      const seen: number[] = [];
      for await (const { step } of trainer.fit({ steps: 9, stepsPerSubmit: 2 })) {
        seen.push(step);
        if (step === 3) break;
      }
      expect(seen).toEqual([1, 2, 3]);
      const left = trainer.step;
      expect(left).toBeGreaterThanOrEqual(3);
      expect(left).toBeLessThanOrEqual(8);

      const controller = new AbortController();
      const aborted = (async () => {
        for await (const { step } of trainer.fit({
          steps: 100,
          stepsPerSubmit: 1,
          signal: controller.signal,
        })) {
          seen.push(step);
          if (step === left + 2) controller.abort(new Error('enough'));
        }
      })();
      const error = await aborted.then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error).toBeInstanceOf(AbortedError);
      expect(error?.message).toBe(`fit: aborted after step ${trainer.step} of ${left + 100}.`);
      expect(error?.cause).toEqual(new Error('enough'));
      expect(seen.at(-1), 'the last step under way was yielded').toBe(trainer.step);
      expect(readCheckpoint(await trainer.checkpoint()).step).toBe(trainer.step);

      await trainOn(trainer, { steps: 14 - trainer.step });
      expect(await trainer.checkpoint()).toEqual(whole);
    });
  });

  it('does nothing when it is aborted before', async () => {
    await withTrainer(languageModel(), async (trainer) => {
      const fit = trainer.fit({ steps: 3, signal: AbortSignal.abort() });
      await expect(fit.next()).rejects.toThrow('fit: aborted after step 0 of 3.');
      expect(trainer.step).toBe(0);
    });
  });

  it('is not disturbed by a sample, an evaluation or a checkpoint', async () => {
    const whole = await checkpointAfter(languageModel(), { steps: 8 });
    await withTrainer(languageModel(), async (trainer) => {
      const snapshots: Promise<Uint8Array>[] = [];
      for await (const { step } of trainer.fit({ steps: 8, stepsPerSubmit: 1 })) {
        if (step === 2) await trainer.sample('so', { length: 5 });
        if (step === 4) await trainer.evaluate();
        // Not awaited: steps go on while it is read.
        if (step === 3 || step === 5) snapshots.push(trainer.checkpoint());
      }
      expect(await trainer.checkpoint()).toEqual(whole);
      for (const snapshot of snapshots) {
        const bytes = await snapshot;
        const { step } = readCheckpoint(bytes);
        expect(bytes).toEqual(await checkpointAfter(languageModel(), { steps: step }));
      }
    });
  });
});

describe('evaluate', () => {
  it('measures the loss that the reference measures, on data of any batch size', async () => {
    const model = sequential([embedding(VOCABULARY, 3), rnn(8), dropout(0.3), linear(VOCABULARY)]);
    const options = languageModel({ model });
    const other = textStream(text, {
      batch: 9,
      steps: 5,
      ...(options.data.vocabulary && { vocabulary: options.data.vocabulary }),
    });
    const losses: number[][] = [];
    for (const on of ['reference', device()] as const) {
      losses.push(
        await withTrainer({ ...options, device: on }, async (trainer) => {
          await trainOn(trainer, { steps: 4 });
          return [
            await trainer.evaluate(),
            await trainer.evaluate({ batches: 1 }),
            await trainer.evaluate({ data: other }),
            await trainer.evaluate(),
          ];
        }),
      );
    }
    const [expected, got] = losses as [number[], number[]];
    for (const [index, loss] of expected.entries()) {
      // Four updates, then the states of all batches in a row.
      const bound = tolerance({ steps: 10 * T, fanIn: sums.fanIn, magnitude: loss });
      expect(Math.abs((got[index] as number) - loss)).toBeLessThan(bound);
    }
    expect(got[3]).toBe(got[0]);
  });
});
