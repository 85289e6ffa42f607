import { describe, expect, it } from 'vitest';
import {
  batches,
  embedding,
  lastStep,
  linear,
  lstm,
  model,
  oneHot,
  ops,
  type SymbolicTensor,
  sequential,
  sgd,
  Trainer,
  type TrainerOptions,
  textStream,
  tokenStream,
} from '../../../src/index.ts';
import { trainOn, withTrainer } from '../../device-cases/trainer-rig.ts';

const tokens = (shape: number[], size: number) => ({
  values: Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i % size),
  shape,
});
const frames = batches({ input: tokens([2, 4, 3], 5), target: tokens([2, 4, 3], 5) });

const create = (changes: Partial<TrainerOptions>) =>
  Trainer.create({
    device: 'reference',
    data: frames,
    model: sequential([embedding(5, 2), lstm(3), linear(5)]),
    optimizer: sgd({ learningRate: 0.1 }),
    ...changes,
  });

/** A mistake, the class of its error, and its text. */
const mistakes: readonly (readonly [string, Partial<TrainerOptions>, string, string])[] = [
  [
    'a token that the embedding does not know',
    { model: sequential([embedding(4, 2), lstm(3), linear(5)]) },
    'VocabularyError',
    "data: 'input' has token 4 at 4, 'embedding' expects 0 to 3. Correct the tokens, or give the model " +
      'the size of the vocabulary.',
  ],
  [
    'a token that one-hot does not know',
    { model: sequential([oneHot(4), lstm(3), linear(5)]) },
    'VocabularyError',
    "data: 'input' has token 4 at 4, 'lstm/project_l0' expects 0 to 3.",
  ],
  [
    'a target that the output does not know',
    { model: sequential([embedding(5, 2), lstm(3), linear(3)]) },
    'VocabularyError',
    "data: 'target' has token 3 at 3, 'softmax-cross-entropy' expects 0 to 2 or -100 to ignore.",
  ],
  [
    'one target per sequence for an output per step',
    { data: batches({ input: tokens([2, 4, 3], 5), target: tokens([2, 3], 5) }) },
    'ShapeError',
    'softmax-cross-entropy: targets are i32 [3], expected i32 [4, 3], one class per row of the logits ' +
      '[4, 3, 5].',
  ],
  [
    'tokens into a recurrent layer',
    { model: sequential([lstm(3), linear(5)]) },
    'ShapeError',
    'lstm: input is i32 [4, 3], expected f32 [T, B, I]. Put an embedding or oneHot in front of it.',
  ],
  [
    'a last step of what has no time',
    { model: sequential([embedding(5, 2), lstm(3), lastStep(), lstm(3), linear(5)]) },
    'ShapeError',
    'lstm_1: input is f32 [3, 3], expected f32 [T, B, I]. A single step is [1, B, I]; time comes first.',
  ],
  [
    'an input that the data does not have',
    { model: model(({ image }) => linear(5)(image as SymbolicTensor)) },
    'OptionError',
    "model: input 'image' is not given, there is input, target. Name it in the data or in forward().",
  ],
  [
    'a loss per row',
    { loss: ({ output }) => ops.softmax(output as SymbolicTensor) },
    'ShapeError',
    "loss 'softmax' has shape [4, 3, 5], expected a scalar. Reduce it with mean() or sum().",
  ],
  [
    'a loss without parameters',
    { model: sequential([oneHot(5)]) },
    'OptionError',
    'the loss depends on no parameter, expected at least one to train.',
  ],
  [
    'a loss that does not exist',
    { loss: 'crossentropy' as 'cross-entropy' },
    'OptionError',
    'loss is "crossentropy", expected cross-entropy, mean-squared-error or a function',
  ],
  [
    'both kinds of clipping',
    { clipNorm: 1, clipValue: 1 },
    'OptionError',
    'clipNorm is 1 and clipValue is 1, expected one of the two. Remove one.',
  ],
  [
    'a strategy that does not exist',
    { strategy: 'fast' as 'persistent' },
    'OptionError',
    "Trainer: strategy is 'fast', expected one of 'persistent', 'stepwise', 'wavefront', 'resident'.",
  ],
  [
    'validation of no step',
    { validate: { every: 0 } },
    'OptionError',
    'Trainer: validate.every is 0, expected a positive integer below 2^31.',
  ],
  ['a seed that is no integer', { seed: 0.5 }, 'OptionError', 'Trainer: seed is 0.5, expected an'],
];

describe('a trainer', () => {
  it.each(mistakes)('refuses %s', async (_, changes, name, text) => {
    const error = await create(changes).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).toContain(text);
    expect(error?.name).toBe(name);
  });

  it('refuses no steps, and to evaluate on nothing', async () => {
    const trainer = await create({});
    await expect(trainOn(trainer, { steps: 0 })).rejects.toThrow(
      'fit: steps is 0, expected a positive integer',
    );
    await expect(trainOn(trainer, { steps: 1, stepsPerSubmit: 1.5 })).rejects.toThrow(
      'fit: stepsPerSubmit is 1.5, expected a positive integer',
    );
    await expect(trainer.evaluate()).rejects.toThrow(
      'evaluate: there is no held-out data. Give textStream heldOut: 0.1, or pass data.',
    );
    await expect(
      trainer.evaluate({
        data: batches({ input: tokens([1, 4, 3], 6), target: tokens([1, 4, 3], 5) }),
      }),
    ).rejects.toThrow("data: 'input' has token 5 at 5, 'embedding' expects 0 to 4.");
    await trainer.dispose();
  });

  it('refuses prompts that its model cannot read', async () => {
    const data = textStream('abcabcabcabcabcabcabc', { batch: 2, steps: 3 });
    const options = { device: 'reference', data, optimizer: sgd({ learningRate: 0.1 }) } as const;
    const language = { ...options, model: sequential([oneHot(3), lstm(2), linear(3)]) };
    await withTrainer(language, async (trainer) => {
      await expect(trainer.sample('abx', { length: 2 })).rejects.toThrow(
        "'x' (U+0078) at character 2 is not in the vocabulary of 3 characters. Remove or replace it",
      );
      await expect(trainer.sample('', { length: 2 })).rejects.toThrow(
        'sample: the prompt is empty',
      );
      await expect(trainer.network.sampleTokens([0, 3], { length: 2 })).rejects.toThrow(
        'sample: token 3 at position 1 of the prompt is outside the vocabulary, expected 0 to 2.',
      );
      const wrong = { data: Int32Array.of(0, 7), shape: [2, 1] };
      await expect(trainer.network.forward({ input: wrong })).rejects.toThrow(
        "forward: 'input' has token 7 at 1, 'lstm/project_l0' expects 0 to 2.",
      );
      await expect(
        trainer.network.forward({ input: { data: wrong.data, shape: [3, 1] } }),
      ).rejects.toThrow("forward: input 'input' has 2 values, expected 3 for shape [3, 1].");
    });
  });

  it('refuses to sample from a model of numbers, and is disposed nevertheless', async () => {
    await withTrainer(
      {
        device: 'reference',
        data: tokenStream(
          Int32Array.from({ length: 30 }, (_, i) => i % 4),
          4,
          { batch: 2, steps: 3 },
        ),
        model: sequential([oneHot(4), lstm(2), linear(4)]),
        optimizer: sgd({ learningRate: 0.1 }),
      },
      (trainer) =>
        expect(trainer.sample('a')).rejects.toThrow('sample: the model has no vocabulary.'),
    );
  });
});
