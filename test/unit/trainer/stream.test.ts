import { describe, expect, it } from 'vitest';
import {
  batches,
  type Direction,
  embedding,
  type Layer,
  linear,
  lstm,
  Network,
  sequential,
  sgd,
  Trainer,
} from '../../../src/index.ts';

async function networkOf(layers: readonly Layer[]): Promise<Network> {
  const target = new Int32Array(4);
  const trainer = await Trainer.create({
    device: 'reference',
    model: sequential(layers),
    data: batches({
      input: { values: target, shape: [1, 2, 2] },
      target: { values: target, shape: [1, 2, 2] },
    }),
    optimizer: sgd(),
  });
  const checkpoint = await trainer.checkpoint();
  await trainer.dispose();
  return Network.load({ device: 'reference', checkpoint });
}

const language = (direction: Direction = 'forward') => [
  embedding(5, 3),
  lstm(4, { direction }),
  linear(5),
];
const inputs = { input: { shape: [1, 2], dtype: 'i32' } } as const;

describe('a stream', () => {
  it('tells its outputs and states before the first step', async () => {
    const stream = await (await networkOf(language())).stream({ inputs });
    expect(stream.outputs).toEqual({ output: { shape: [1, 2, 5], dtype: 'f32' } });
    expect(stream.states).toEqual({ 'lstm.l0': { shape: [2, 2, 4], dtype: 'f32' } });
    await expect(stream.read()).rejects.toThrow('stream: read before the first push().');
  });

  it('is refused where the model reads backwards or keeps nothing', async () => {
    for (const direction of ['reverse', 'bidirectional'] as const) {
      const network = await networkOf(language(direction));
      await expect(network.stream({ inputs })).rejects.toThrow(
        /^stream: 'lstm\/recurrence_l0(_reverse)?' reads time from its end, and a stream has none\. Use forward\(\) on whole sequences, or a model of layers with direction: 'forward'\.$/,
      );
    }
    const plain = await networkOf([embedding(5, 3), linear(5)]);
    await expect(plain.stream({ inputs })).rejects.toThrow(
      'stream: the model keeps no state from step to step. Use forward().',
    );
  });

  it('says which inputs, states and rows do not fit', async () => {
    const stream = await (await networkOf(language())).stream({ inputs });
    expect(() => stream.push({})).toThrow(
      "stream: input 'input' is not given, expected i32 [1, 2] = 2 elements in an Int32Array.",
    );
    expect(() => stream.push({ input: Float32Array.of(1, 2) })).toThrow(
      "stream: input 'input' is Float32Array of 2, expected i32 [1, 2]",
    );
    await expect(stream.step({ input: Int32Array.of(1) })).rejects.toThrow('is Int32Array of 1');
    expect(() => stream.push({ input: Int32Array.of(1, 5) })).toThrow(
      "stream: 'input' has token 5 at 1, 'embedding' expects 0 to 4.",
    );
    expect(() => stream.writeState({ 'lstm.l0': new Float32Array(8) })).toThrow(
      "stream: state 'lstm.l0' has 8 values, expected 16 for [2, 2, 4].",
    );
    expect(() => stream.writeState({ h: new Float32Array(8) })).toThrow(
      "stream: there is no state 'h', the model keeps lstm.l0.",
    );
    expect(() => stream.reset({ rows: [2] })).toThrow(
      'stream: row 2 cannot begin anew, expected an integer from 0 to 1.',
    );
  });
});
