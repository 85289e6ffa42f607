import { describe, expect, it } from 'vitest';
import {
  adam,
  embedding,
  linear,
  minGru,
  minLstm,
  type RecurrentLayer,
  sequential,
  slstm,
  type TrainerOptions,
  textStream,
} from '../../src/index.ts';
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
const sums = { steps: T, fanIn: 4 * HIDDEN };

/** A stack of a cell with dropout between its layers, states carried. */
function languageModel(layer: RecurrentLayer): TrainerOptions {
  return {
    device: device(),
    data: textStream(text, { batch: 3, steps: T, heldOut: 0.25 }),
    model: sequential([embedding(VOCABULARY, 5), layer, linear(VOCABULARY)]),
    optimizer: adam({ learningRate: 0.02 }),
    stateful: true,
    seed: 9,
  };
}

const layers: Readonly<Record<string, () => RecurrentLayer>> = {
  minGru: () => minGru(HIDDEN, { layers: 2, dropout: 0.2, candidate: 'positive' }),
  slstm: () => slstm(HIDDEN, { layers: 2, dropout: 0.2, heads: 3, forgetBias: 1 }),
  minLstm: () => minLstm(HIDDEN, { layers: 2, dropout: 0.2, forgetBias: 1 }),
};

describe.each(Object.entries(layers))('a trainer of %s', (_name, layer) => {
  it('takes the steps of the reference, and evaluates and samples as it does', async () => {
    const results = [];
    for (const on of ['reference', device()] as const) {
      const options = { ...languageModel(layer()), device: on };
      results.push(
        await withTrainer(options, async (trainer) => {
          const progress = await trainOn(trainer, { steps: 20, stepsPerSubmit: 7 });
          const loss = await trainer.evaluate();
          return { progress, loss, sample: await trainer.sample('so', { length: 12, seed: 3 }) };
        }),
      );
    }
    const [expected, got] = results as [(typeof results)[number], (typeof results)[number]];
    assertSameTraining(got.progress, expected.progress, sums);
    expect(expected.progress[19]?.loss).toBeLessThan(expected.progress[0]?.loss as number);
    expect(got.loss).toBeCloseTo(expected.loss, 4);
    expect(got.sample).toEqual(expected.sample);
  });

  it('goes on from a checkpoint exactly', async () => {
    const whole = await checkpointAfter(languageModel(layer()), { steps: 8 });
    const checkpoint = await checkpointAfter(languageModel(layer()), { steps: 5 });
    const rest = { ...languageModel(layer()), checkpoint };
    expect(await checkpointAfter(rest, { steps: 3 })).toEqual(whole);
    expect(await trainFresh(rest, { steps: 1 })).toHaveLength(1);
  });
});
