import type { Device } from '../../src/device/device.ts';
import { input, parameter } from '../../src/graph/sources.ts';
import { embedding, lastStep, linear as linearLayer, oneHot } from '../../src/layers/basic.ts';
import { layerNorm } from '../../src/layers/layer-norm.ts';
import { model, sequential } from '../../src/layers/model.ts';
import { gru, lstm, recurrent } from '../../src/layers/recurrent.ts';
import { multiply } from '../../src/ops/binary.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { linear } from '../../src/ops/linear.ts';
import { sum } from '../../src/ops/reduce.ts';
import { type DeviceCase, forEachOf } from './case.ts';
import { compareCore } from './core-rig.ts';
import { checkModel } from './core-stacks.cases.ts';
import {
  type CellVariant,
  cellOptionVariants,
  cellVariants,
  fullUnlessQuick,
} from './core-variants.ts';
import { makeNoise } from './training-rig.ts';

const needs = 'shader-f16';
const VOCABULARY = 6;
const strategies = ['persistent', 'stepwise'] as const;

/** Two products in a row: what lies between them is f16, and so are its gradients. */
async function checkLinear(device: Device, sizes: readonly [number, number, number, number]) {
  const [rows, inputs, between, outputs] = sizes;
  const own = (name: string, shape: readonly number[]) =>
    parameter({ name, shape, initialize: () => new Float32Array() });
  const x = input('x', [rows, inputs]);
  const sources = {
    x,
    first: own('first', [between, inputs]),
    firstBias: own('firstBias', [between]),
    second: own('second', [outputs, between]),
    bias: own('bias', [outputs]),
  };
  const hidden = linear(x, sources.first, sources.firstBias, 'hidden');
  const y = linear(hidden, sources.second, sources.bias);
  const loss = sum(multiply(y, input('of_y', y.shape)));
  const gradients = differentiate(loss, Object.values(sources));
  const named = Object.keys(sources).map((name, index) => [`d_${name}`, gradients[index]]);
  await compareCore(
    device,
    { y, ...Object.fromEntries(named) },
    {
      kind: 'f16 linear',
      inputs: { x: makeNoise(x.size, 1), of_y: makeNoise(y.size, 2) },
      precision: 'f16',
      steps: 1,
      fanIn: Math.max(...sizes),
    },
  );
}

/** The exponential forget gate has states of its own range. */
const variants = [
  ...cellVariants.filter(({ cell }) => !cell.norms),
  ...cellOptionVariants.filter(({ options }) => options.forget === 'exponential'),
];

function checkLayers(device: Device, { kind, options }: CellVariant, hidden: number) {
  const layer = recurrent(kind as 'lstm', hidden, {
    layers: 2,
    ...options,
    // Of one number h the sums are not tested, as of one unit (docs/numerics.md).
    ...(options.projectionSize !== undefined && { projectionSize: Math.ceil(hidden / 2) }),
  });
  const encode = hidden === 5 ? embedding(VOCABULARY, 7) : oneHot(VOCABULARY);
  const network = sequential([encode, layer, linearLayer(VOCABULARY)]);
  return checkModel(device, network, `f16 ${kind}`, strategies, 'f16');
}

export const cases: readonly DeviceCase[] = [
  {
    name: 'two linear layers and their gradients at edge sizes',
    needs,
    run: (device) =>
      forEachOf(
        [
          [1, 1, 1, 1],
          [3, 5, 7, 2],
          [17, 33, 130, 9],
          [6, 300, 9, 65],
        ] as const,
        (sizes) => checkLinear(device, sizes),
      ),
  },
  ...variants.flatMap((variant): DeviceCase[] => {
    const name = `${variant.name}: loss and all gradients of two layers with both strategies`;
    // Each unit of an IndRNN sees itself alone: of two, errors do not average out.
    const otherSizes = variant.kind === 'indRnn' ? [33] : [2, 33];
    const checkSizes = (sizes: readonly number[]) => (device: Device) =>
      forEachOf(sizes, (hidden) => checkLayers(device, variant, hidden));
    return [
      { name, needs, ...fullUnlessQuick(variant), run: checkSizes([5]) },
      { name: `${name}, of other sizes`, needs, full: true, run: checkSizes(otherSizes) },
    ];
  }),
  {
    name: 'the shapes that an adapter with 32 lanes gets',
    needs,
    async run(device) {
      const gpu = { laneWidth: 32, registers: 65_536 };
      for (const layer of [lstm(9, { layers: 2 }), gru(9, { reset: 'before' })]) {
        const network = sequential([oneHot(VOCABULARY), layer, linearLayer(VOCABULARY)]);
        await checkModel(device, network, 'f16 wide', strategies, 'f16', gpu);
      }
    },
  },
  {
    name: 'layer norm and a residual connection between f16 layers',
    needs,
    async run(device) {
      const network = sequential([
        embedding(VOCABULARY, 9),
        layerNorm(),
        lstm(5, { layers: 2, residual: true }),
        layerNorm({ bias: false }),
        linearLayer(VOCABULARY),
      ]);
      await checkModel(device, network, 'f16 layer norm', strategies, 'f16');
    },
  },
  {
    name: 'two bidirectional layers, many to one',
    needs,
    async run(device) {
      const layer = lstm(5, { layers: 2, direction: 'bidirectional' });
      const network = sequential([embedding(VOCABULARY, 3), layer, lastStep(), linearLayer(3)]);
      await checkModel(device, network, 'f16 stack', strategies, 'f16');
    },
  },
  {
    name: 'an encoder that hands its state to a decoder',
    needs,
    async run(device) {
      const [embed, head] = [embedding(VOCABULARY, 4), linearLayer(VOCABULARY)];
      const [encoder, decoder] = [lstm(5, { layers: 2 }), lstm(5, { layers: 2 })];
      const network = model(({ input: x, target }) => {
        const { state } = encoder.run(embed(x as ReturnType<typeof input>));
        return head(decoder.run(embed(target as ReturnType<typeof input>), state).output);
      });
      await checkModel(device, network, 'f16 stack', strategies, 'f16');
    },
  },
];
