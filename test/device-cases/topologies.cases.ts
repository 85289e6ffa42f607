import type { PlanStrategy } from '../../src/graph/operator.ts';
import {
  batches,
  type DataSource,
  type Device,
  embedding,
  gru,
  lastStep,
  linear,
  lstm,
  type Model,
  model,
  oneHot,
  ops,
  rnn,
  type SymbolicTensor,
  sequential,
  sgd,
  tanh,
} from '../../src/index.ts';
import { assertTrue, type DeviceCase } from './case.ts';
import { assertSameTraining, trainFresh } from './trainer-rig.ts';
import { makeNoise } from './training-rig.ts';

const [T, B, V, H] = [5, 3, 6, 8];

/** One batch of tokens, i32 [...shape]. */
function tokens(shape: readonly number[], seed: number) {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const values = Int32Array.from({ length: count }, (_, index) => (index * index + seed) % V);
  return { values, shape: [1, ...shape], vocabularySize: V };
}

/** One batch of numbers, f32 [...shape]. */
function numbers(shape: readonly number[], seed: number) {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return { values: makeNoise(count, seed), shape: [1, ...shape] };
}

interface Topology {
  readonly data: DataSource;
  readonly build: () => Model;
  /** Default cross-entropy. */
  readonly loss?: 'mean-squared-error';
}

/** The ways in which a recurrent network maps sequences, each as one writes it. */
const topologies: Readonly<Record<string, Topology>> = {
  // One vector to one class: no time at all.
  'one-to-one': {
    data: batches({ input: numbers([B, 4], 1), target: tokens([B], 1) }),
    build: () => sequential([linear(H), tanh(), linear(V)]),
  },

  // One vector to a sequence: it is the first state, and the input of every step.
  'one-to-many': {
    data: batches({ vector: numbers([B, 4], 2), target: tokens([T, B], 2) }),
    build: () => {
      const [toState, decoder, head] = [linear(H), gru(H), linear(V)];
      return model(({ vector }) => {
        const x = vector as SymbolicTensor;
        const h = ops.reshape(ops.tanh(toState(x)), [1, B, H]);
        return head(decoder.run(ops.repeatTime(x, T), { h }).output);
      });
    },
  },

  // A sequence to one class: what the last step says.
  'many-to-one': {
    data: batches({ input: tokens([T, B], 3), target: tokens([B], 3) }),
    build: () => sequential([embedding(V, 4), lstm(H), lastStep(), linear(V)]),
  },

  // A sequence to another one of another length: the encoder hands its state to the decoder.
  'many-to-many, encoder and decoder': {
    data: batches({
      source: tokens([T + 2, B], 4),
      shifted: tokens([T, B], 5),
      target: tokens([T, B], 6),
    }),
    build: () => {
      const [embed, head] = [embedding(V, 4), linear(V)];
      const [encoder, decoder] = [lstm(H), lstm(H)];
      return model(({ source, shifted }) => {
        const { state } = encoder.run(embed(source as SymbolicTensor));
        return head(decoder.run(embed(shifted as SymbolicTensor), state).output);
      });
    },
  },

  // A sequence to one output per step: a language model, a tagger.
  'many-to-many, per frame': {
    data: batches({ input: tokens([T, B], 7), target: tokens([T, B], 8) }),
    build: () => sequential([oneHot(V), rnn(H), linear(V)]),
  },

  // The same with numbers for classes: a filter.
  'many-to-many, per frame, of numbers': {
    data: batches({ input: numbers([T, B, 2], 9), target: numbers([T, B, 2], 10) }),
    build: () => sequential([gru(H, { reset: 'before' }), linear(2)]),
    loss: 'mean-squared-error',
  },
};

async function checkTopology(
  device: Device,
  { data, build, loss }: Topology,
  strategy?: PlanStrategy,
): Promise<void> {
  const train = (on: Device | 'reference') =>
    trainFresh(
      {
        device: on,
        model: build(),
        data,
        ...(loss && { loss }),
        ...(strategy && { strategy }),
        optimizer: sgd({ learningRate: 0.3 }),
        seed: 5,
      },
      { steps: 5 },
    );
  const expected = await train('reference');
  const losses = expected.map((step) => step.loss);
  const falls = losses.every((value, index) => index === 0 || value < (losses[index - 1] ?? 0));
  assertTrue(falls, `losses of the reference do not fall: ${losses.join(', ')}`);
  assertSameTraining(await train(device), expected, { steps: T + 2, fanIn: 4 * H });
}

export const cases: readonly DeviceCase[] = Object.entries(topologies).flatMap(
  ([name, topology]): DeviceCase[] => [
    {
      name: `${name}: five steps as on the reference, the loss falls`,
      run: (device) => checkTopology(device, topology, 'persistent'),
    },
    {
      // A kernel for all of a step builds for seconds; parity's trainings and `resident` have some.
      name: `${name}: the same where the scheduler chooses`,
      full: true,
      run: (device) => checkTopology(device, topology),
    },
  ],
);
