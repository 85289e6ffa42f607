import type { Device } from '../../src/device/device.ts';
import type { Precision, Strategy } from '../../src/graph/operator.ts';
import { fill } from '../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import { embedding, lastStep, linear, oneHot } from '../../src/layers/basic.ts';
import { type Model, model, sequential } from '../../src/layers/model.ts';
import { gru, lstm, recurrent, rnn } from '../../src/layers/recurrent.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { sum } from '../../src/ops/reduce.ts';
import { softmaxCrossEntropy } from '../../src/ops/softmax-cross-entropy.ts';
import { square } from '../../src/ops/unary.ts';
import { initializeParameters } from '../../src/training/initialize.ts';
import { layoutOf } from '../../src/training/training-graph.ts';
import { type DeviceCase, forEachOf } from './case.ts';
import { registerLeakyCell } from './core-leaky-cell.ts';
import { type CoreRun, compareCore } from './core-rig.ts';
import { variantsOf } from './core-variants.ts';

const [STEPS, BATCH, VOCABULARY] = [4, 3, 6];

/**
 * Loss, output and the gradients of all parameters in the flat buffer, against the reference.
 *
 * @param strategies - undefined: what the rules choose.
 */
export async function checkModel(
  device: Device,
  network: Model,
  kind: string,
  strategies: readonly (Strategy | undefined)[],
  precision: Precision = 'f32',
  adapter: Pick<CoreRun, 'laneWidth' | 'registers'> = {},
): Promise<void> {
  const type = { shape: [STEPS, BATCH], dtype: 'i32' } as const;
  const traced = network.trace({ input: type, target: type });
  const output = traced.outputs.output as SymbolicTensor;
  const perFrame = output.shape.length === 3;
  const loss = perFrame
    ? softmaxCrossEntropy(output, traced.inputs.target as SymbolicTensor)
    : sum(square(output));
  const names = [...traced.parameters.keys()];
  const found = differentiate(
    loss,
    names.map((name) => traced.parameters.get(name)?.tensor as SymbolicTensor),
    // As training does: gradients of f16 need not lie near its least numbers.
    precision === 'f16' ? fill([], 2 ** 12) : undefined,
  );
  const draw = (offset: number) =>
    Int32Array.from({ length: STEPS * BATCH }, (_, index) => (index * index + offset) % VOCABULARY);
  const parameters = [...initializeParameters(layoutOf(traced), 3)];
  for (const strategy of strategies) {
    await compareCore(
      device,
      { output, loss },
      {
        kind,
        inputs: { input: draw(0), target: draw(1) },
        parameters: new Map(parameters.map(([name, data]) => [name, Float32Array.from(data)])),
        gradients: new Map(names.map((name, index) => [name, found[index] as SymbolicTensor])),
        ...(strategy && { strategy }),
        ...adapter,
        precision,
        steps: STEPS,
        fanIn: 4 * VOCABULARY,
      },
    );
  }
}

const models: Readonly<Record<string, () => Model>> = {
  'two bidirectional LSTM layers': () =>
    sequential([
      embedding(VOCABULARY, 3),
      lstm(3, { layers: 2, direction: 'bidirectional' }),
      linear(VOCABULARY),
    ]),
  'a reverse GRU without a bias, many to one': () =>
    sequential([
      oneHot(VOCABULARY),
      gru(5, { reset: 'before', direction: 'reverse', bias: false }),
      lastStep(),
      linear(3),
    ]),
  'an encoder that hands its state to a decoder': () => {
    const [embed, head] = [embedding(VOCABULARY, 4), linear(VOCABULARY)];
    const [encoder, decoder] = [lstm(3, { layers: 2 }), lstm(3, { layers: 2 })];
    return model(({ input, target }) => {
      const { state } = encoder.run(embed(input as SymbolicTensor));
      return head(decoder.run(embed(target as SymbolicTensor), state).output);
    });
  },
  'one layer applied twice': () => {
    const [embed, head, layer] = [embedding(VOCABULARY, 5), linear(VOCABULARY), rnn(5)];
    return model(({ input }) => head(layer(layer(embed(input as SymbolicTensor)))));
  },
};

export const cases: readonly DeviceCase[] = [
  ...Object.entries(models).map(([name, build], index) => {
    const strategy = index % 2 === 0 ? 'persistent' : 'stepwise';
    return {
      name: `${name}: loss and gradients, ${strategy}`,
      run: (device: Device) => checkModel(device, build(), 'stack', [strategy]),
    };
  }),
  {
    name: 'a cell that is registered by the test runs like a built-in one',
    async run(device) {
      const leaky = registerLeakyCell();
      try {
        await forEachOf(variantsOf(leaky.definition), async ({ options }) => {
          const layer = recurrent(leaky.name, 5, { layers: 2, ...options });
          const network = sequential([oneHot(VOCABULARY), layer, linear(VOCABULARY)]);
          await checkModel(device, network, 'leaky', ['persistent', 'stepwise']);
        });
      } finally {
        leaky.unregister();
      }
    },
  },
];
