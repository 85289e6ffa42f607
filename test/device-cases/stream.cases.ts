import type { Device } from '../../src/device/device.ts';
import type { TensorType } from '../../src/graph/tensor.ts';
import {
  batches,
  embedding,
  gru,
  gruCell,
  type Layer,
  layerNorm,
  linear,
  lstm,
  lstmCell,
  Network,
  recurrent,
  type ShapedArray,
  type Stream,
  sequential,
  sgd,
  Trainer,
} from '../../src/index.ts';
import { tolerance } from '../../src/reference/tolerance.ts';
import { assertEqual, assertTrue, type DeviceCase } from './case.ts';
import { makeNoise } from './training-rig.ts';

const [STEPS, BATCH, SIZE, TOKENS] = [6, 3, 4, 5];

/** A checkpoint of layers with their first weights, for inputs of a type. */
async function checkpointOf(layers: readonly Layer[], input: TensorType): Promise<Uint8Array> {
  const shape = [1, ...input.shape];
  const size = input.shape.reduce((product, extent) => product * extent, 1);
  const values = input.dtype === 'i32' ? new Int32Array(size) : new Float32Array(size);
  const model = sequential(layers);
  const target = model.trace({ input }).outputs.output?.shape ?? [];
  const zeros = new Float32Array(target.reduce((product, extent) => product * extent, 1));
  const trainer = await Trainer.create({
    device: 'reference',
    model,
    data: batches({ input: { values, shape }, target: { values: zeros, shape: [1, ...target] } }),
    loss: 'mean-squared-error',
    optimizer: sgd(),
    seed: 3,
  });
  const checkpoint = await trainer.checkpoint();
  await trainer.dispose();
  return checkpoint;
}

async function withNetworks(
  device: Device,
  layers: readonly Layer[],
  input: TensorType,
  use: (network: Network, reference: Network) => Promise<void>,
): Promise<void> {
  const checkpoint = await checkpointOf(layers, input);
  const network = await Network.load({ device, checkpoint });
  const reference = await Network.load({ device: 'reference', checkpoint });
  try {
    await use(network, reference);
  } finally {
    await network.dispose();
    await reference.dispose();
  }
}

function assertNear(got: ShapedArray | undefined, expected: ShapedArray | undefined, what: string) {
  assertEqual(got?.shape, expected?.shape, `shape of ${what}`);
  const bound = tolerance({ steps: STEPS, fanIn: 16, magnitude: 1 });
  for (const [at, value] of (expected?.data ?? []).entries()) {
    const difference = Math.abs((got?.data[at] as number) - value);
    assertTrue(difference <= bound, `${what}[${at}]: got ${got?.data[at]}, expected ${value}`);
  }
}

const floats = (...shape: number[]) => ({ shape, dtype: 'f32' }) as const;
const noise = makeNoise(STEPS * BATCH * SIZE, 8);
const row = BATCH * SIZE;
const stepAt = (t: number, count = 1) => ({ input: noise.slice(t * row, (t + count) * row) });

/** Outputs of pushing steps one after another, without waiting in between. */
function pushAll(stream: Stream, steps: readonly number[], count = 1) {
  return Promise.all(steps.map((t) => stream.step(stepAt(t, count))));
}

export const cases: readonly DeviceCase[] = [
  {
    name: 'steps and chunks of steps give what the whole sequence gives',
    async run(device) {
      const layers = [
        lstm(5, { layers: 2 }),
        layerNorm(),
        gru(7),
        recurrent('minGru', 6),
        linear(2),
      ];
      const whole = floats(STEPS, BATCH, SIZE);
      await withNetworks(device, layers, whole, async (network, reference) => {
        const given = { input: { data: noise, shape: whole.shape } };
        const { output } = await reference.forward(given);
        for (const made of [network, reference]) {
          for (const count of [1, 2]) {
            const stream = await made.stream({ inputs: { input: floats(count, BATCH, SIZE) } });
            const starts = Array.from({ length: STEPS / count }, (_, at) => at * count);
            const results = await pushAll(stream, starts, count);
            for (const [at, result] of results.entries()) {
              const size = count * BATCH * 2;
              const data = output?.data.slice(at * size, (at + 1) * size) as Float32Array;
              assertNear(result.output, { data, shape: [count, BATCH, 2] }, `chunk ${at}`);
            }
            assertEqual(
              Object.entries(stream.states).map(([name, { shape }]) => `${name} ${shape}`),
              ['lstm.l0 2,3,5', 'lstm.l1 2,3,5', 'gru.l0 1,3,7', 'minGru.l0 1,3,6'],
              'states',
            );
            stream.dispose();
          }
        }
      });
    },
  },
  {
    name: 'states can be read, written and begun anew, by row too, apart in every stream',
    async run(device) {
      const layers = [lstmCell(5), gruCell(4), linear(2)];
      const inputs = { input: floats(BATCH, SIZE) };
      await withNetworks(device, layers, inputs.input, async (network, reference) => {
        const [one, two] = [await network.stream({ inputs }), await network.stream({ inputs })];
        const other = await reference.stream({ inputs });
        const compare = async (what: string, t: number) => {
          const [got, expected] = await Promise.all([one.step(stepAt(t)), other.step(stepAt(t))]);
          assertNear(got.output, expected.output, what);
          return got.output as ShapedArray;
        };
        const first = await compare('first step', 0);
        await compare('second step', 1);
        const kept = await one.readState();
        const expected = await other.readState();
        for (const name of Object.keys(one.states)) assertNear(kept[name], expected[name], name);
        const third = await compare('third step', 2);
        // Another stream knows nothing of the steps of this one.
        assertEqual((await two.step(stepAt(0))).output?.data, first.data, 'a stream of its own');
        two.writeState(Object.fromEntries(Object.entries(kept).map(([k, { data }]) => [k, data])));
        assertEqual((await two.step(stepAt(2))).output?.data, third.data, 'a state written');
        for (const stream of [one, other]) stream.reset({ rows: [1] });
        const mixed = await compare('one row anew', 0);
        assertEqual(mixed.data.slice(2, 4), first.data.slice(2, 4), 'the row that began anew');
        assertTrue(mixed.data[0] !== first.data[0], 'the other rows went on');
        for (const stream of [one, other]) stream.reset();
        assertEqual((await compare('all anew', 0)).data, first.data, 'all rows anew');
      });
    },
  },
  {
    name: 'tokens, and steps that are pushed without being read',
    async run(device) {
      const layers = [embedding(TOKENS, 3), gru(6), linear(TOKENS)];
      const type = { shape: [1, 2], dtype: 'i32' } as const;
      await withNetworks(device, layers, type, async (network, reference) => {
        const streams = [network, reference].map((made) =>
          made.stream({ inputs: { input: type } }),
        );
        const results = [];
        for (const stream of await Promise.all(streams)) {
          for (const token of [0, 4, 2]) stream.push({ input: Int32Array.of(token, 1) });
          results.push(await stream.read());
        }
        assertNear(results[0]?.output, results[1]?.output, 'the last output');
      });
    },
  },
];
