import { describe, expect, it } from 'vitest';
import {
  adam,
  dropout,
  FileFormatError,
  gru,
  linear,
  Network,
  oneHot,
  readCheckpoint,
  readSafetensors,
  type SampleOptions,
  sequential,
  Trainer,
  type TrainerOptions,
  textStream,
  VocabularyError,
} from '../../src/index.ts';
import { tolerance } from '../../src/reference/tolerance.ts';
import { checkpointAfter, trainFresh, trainOn, withTrainer } from '../device-cases/trainer-rig.ts';
import { useDevice } from '../support/device.ts';
import { tinyLanguageModel } from '../unit/trainer/reference-run.ts';

const device = useDevice();

/** LSTM, dropout, Adam, carried states. */
const languageModel = (changes: Partial<TrainerOptions> = {}): TrainerOptions => ({
  device: device(),
  ...tinyLanguageModel(5),
  // Kernels that all trainers here share, where one for a whole step would be built anew for each.
  strategy: 'persistent',
  ...changes,
});

describe('a checkpoint', () => {
  it('resumes bit for bit', async () => {
    const whole = await checkpointAfter(languageModel(), { steps: 6 });
    const half = await checkpointAfter(languageModel(), { steps: 3 });
    await withTrainer(languageModel({ checkpoint: half }), async (trainer) => {
      expect(trainer.step).toBe(3);
      expect(trainer.resumeNotes).toEqual([]);
      expect(await trainer.checkpoint()).toEqual(half);
      const steps = await trainOn(trainer, { steps: 3, stepsPerSubmit: 2 });
      expect(steps.map(({ step }) => step)).toEqual([4, 5, 6]);
      expect(await trainer.checkpoint()).toEqual(whole);
    });
  });

  it('moves from the device to the reference and back', async () => {
    const half = await checkpointAfter(languageModel(), { steps: 3 });
    expect(readSafetensors(half).tensors.get('linear.weight')?.dtype).toBe('F32');
    const reference = languageModel({ device: 'reference', checkpoint: half });
    const expected = await trainFresh(reference, { steps: 2 });
    const got = await trainFresh(languageModel({ checkpoint: half }), { steps: 2 });
    for (const [index, { loss }] of expected.entries()) {
      const bound = tolerance({ steps: 3 * (index + 1), fanIn: 20, magnitude: loss });
      expect(Math.abs((got[index]?.loss as number) - loss)).toBeLessThan(bound);
    }
    const back = await withTrainer(reference, (trainer) => trainer.checkpoint());
    expect(readCheckpoint(back).choices).toEqual([]);
    await withTrainer(languageModel({ checkpoint: back }), async (trainer) => {
      expect(trainer.resumeNotes.join()).toContain('the last bits of results may differ');
      expect(await trainer.checkpoint()).toEqual(half);
    });
  });

  it('of another model is refused, and leaves nothing behind', async () => {
    const checkpoint = await checkpointAfter(languageModel(), { steps: 1 });
    const before = device().liveBuffers;
    const failure = Trainer.create(
      languageModel({ checkpoint, model: tinyLanguageModel(6).model }),
    );
    await expect(failure).rejects.toThrow(FileFormatError);
    await expect(failure).rejects.toThrow(/belongs to another model: build the model it was saved/);
    expect(device().liveBuffers).toBe(before);
  });
});

const text = 'the cat sat on the mat and the rat sat on the cat ';
const data = textStream(text, { batch: 2, steps: 6 });
const size = data.vocabulary?.size as number;

describe('a sample', () => {
  /** A trained network on the device, the same on the reference, and their trainer. */
  async function withNetworks(
    use: (networks: {
      readonly trainer: Trainer;
      readonly loaded: Network;
      readonly reference: Network;
    }) => Promise<void>,
  ): Promise<void> {
    const options = {
      device: device(),
      data,
      model: sequential([oneHot(size), gru(8), dropout(0.2), linear(size)]),
      optimizer: adam({ learningRate: 0.03 }),
      seed: 4,
    };
    await withTrainer(options, async (trainer) => {
      await trainOn(trainer, { steps: 150 });
      const checkpoint = await trainer.checkpoint();
      const loaded = await Network.load({ device: device(), checkpoint });
      const reference = await Network.load({ device: 'reference', checkpoint });
      try {
        await use({ trainer, loaded, reference });
      } finally {
        await loaded.dispose();
        await reference.dispose();
      }
    });
  }

  it('follows from the seed, on the trainer, a loaded network and the reference', async () => {
    await withNetworks(async ({ trainer, loaded, reference }) => {
      const requests: SampleOptions[] = [
        { length: 40, temperature: 0 },
        { length: 40, temperature: 0.8, seed: 1 },
        { length: 40, temperature: 1.2, topK: 3, seed: 1 },
        { length: 40, temperature: 0.8, seed: 2 },
        { length: 1 },
      ];
      // Rounding decides only between scores that are closer than 1e-5: once in thousands of tokens.
      const samples = [];
      for (const request of requests) {
        const sample = await trainer.sample('the c', request);
        expect(sample).toHaveLength(request.length as number);
        expect(await trainer.sample('the c', request), 'again').toBe(sample);
        expect(await loaded.sample('the c', request), 'loaded').toBe(sample);
        expect(await reference.sample('the c', request), 'reference').toBe(sample);
        samples.push(sample);
      }
      expect(new Set(samples).size, 'different requests give different texts').toBe(5);
      expect(await trainer.sample('the c', { length: 40, topK: 1, seed: 3 })).toBe(samples[0]);
    });
  });

  it('takes the likeliest token of a forward pass where it is greedy', async () => {
    await withNetworks(async ({ loaded, reference }) => {
      const vocabulary = data.vocabulary as NonNullable<typeof data.vocabulary>;
      const prompt = 'the c';
      const whole = prompt + (await loaded.sample(prompt, { length: 20, temperature: 0 }));
      const tokens = vocabulary.encode(whole);
      expect(new Set(tokens).size, 'the text says something').toBeGreaterThan(4);
      const input = { data: tokens, shape: [tokens.length, 1] };
      for (const network of [loaded, reference]) {
        const { output } = await network.forward({ input });
        expect(output?.shape).toEqual([tokens.length, 1, size]);
        const likeliest = Array.from(tokens, (_, step) => {
          const logits = [...(output?.data.slice(step * size, (step + 1) * size) ?? [])];
          return logits.indexOf(Math.max(...logits));
        });
        expect(vocabulary.decode(likeliest.slice(prompt.length - 1, -1))).toBe(
          whole.slice(prompt.length),
        );
      }
    });
  });

  it('refuses characters that the model does not know', async () => {
    await withNetworks(async ({ loaded }) => {
      const failure = loaded.sample('the zoo', { length: 3 });
      await expect(failure).rejects.toThrow(VocabularyError);
      await expect(failure).rejects.toThrow(
        `'z' (U+007A) at character 4 is not in the vocabulary of ${size} characters. Remove or ` +
          'replace it, or train on a text that has it.',
      );
      await expect(loaded.sample('the', { length: 0 })).rejects.toThrow(
        'sample: length is 0, expected a positive integer',
      );
    });
  });
});
