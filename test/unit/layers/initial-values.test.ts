import { describe, expect, it } from 'vitest';
import type { TensorType } from '../../../src/graph/tensor.ts';
import { embedding, linear } from '../../../src/layers/basic.ts';
import type { Layer } from '../../../src/layers/layer.ts';
import { sequential } from '../../../src/layers/model.ts';
import { gru, lstm, rnn } from '../../../src/layers/recurrent.ts';
import { initializeParameters } from '../../../src/training/initialize.ts';
import { layoutOf } from '../../../src/training/training-graph.ts';

function draw(layers: readonly Layer[], type: TensorType, seed = 1): Map<string, Float32Array> {
  const values = initializeParameters(layoutOf(sequential(layers).trace({ input: type })), seed);
  return new Map([...values].map(([name, data]) => [name, Float32Array.from(data)]));
}

const floats = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });
const largest = (values: ArrayLike<number> = []) => Math.max(...Array.from(values, Math.abs));
const meanOf = (values: ArrayLike<number> = []) =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

describe('initial values', () => {
  it('of recurrent layers fill ±1/√H, those of linear ±1/√I', () => {
    const values = draw([gru(25)], floats(1, 1, 9));
    for (const [name, data] of values) {
      const bound = 1 / Math.sqrt(25);
      expect(largest(data), name).toBeLessThanOrEqual(Math.fround(bound));
      expect(largest(data), name).toBeGreaterThan(0.9 * bound);
      expect(Math.abs(meanOf(data)), name).toBeLessThan(0.3 * bound);
    }
    const wide = draw([linear(4)], floats(1, 100)).get('linear.weight');
    expect(largest(wide)).toBeLessThanOrEqual(0.1);
    expect(largest(wide)).toBeGreaterThan(0.09);
  });

  it('of embeddings are normal with deviation 1', () => {
    const values = draw([embedding(50, 40)], { shape: [1], dtype: 'i32' }).get('embedding.weight');
    const squares = Float64Array.from(values ?? [], (value) => value * value);
    expect(meanOf(values)).toBeCloseTo(0, 1);
    expect(meanOf(squares)).toBeCloseTo(1, 1);
    expect(largest(values)).toBeGreaterThan(2.5);
  });

  it('are one orthogonal block per gate where asked for', () => {
    const size = 6;
    const layers = [lstm(size, { recurrentInitializer: 'orthogonal' })];
    const weight = draw(layers, floats(1, 1, 3)).get('lstm.weight_hh_l0') as Float32Array;
    for (let gate = 0; gate < 4; gate++) {
      const row = (index: number) =>
        weight.subarray((gate * size + index) * size, (gate * size + index + 1) * size);
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          const product = row(i).reduce((sum, value, k) => sum + value * (row(j)[k] as number), 0);
          expect(product).toBeCloseTo(i === j ? 1 : 0, 5);
        }
      }
    }
    expect(weight.subarray(0, 36)).not.toEqual(weight.subarray(36, 72));
  });

  it('put the forget bias into the forget gate, once', () => {
    const values = draw([lstm(4, { forgetBias: 1.5 })], floats(1, 1, 3));
    const [given, other] = [values.get('lstm.bias_ih_l0'), values.get('lstm.bias_hh_l0')];
    expect([...(given?.subarray(4, 8) ?? [])]).toEqual([1.5, 1.5, 1.5, 1.5]);
    expect([...(other?.subarray(4, 8) ?? [])]).toEqual([0, 0, 0, 0]);
    for (const gates of [given, other]) {
      expect(largest(gates?.subarray(0, 4))).toBeLessThanOrEqual(0.5);
      expect(gates?.subarray(8)).not.toContain(0);
    }
  });

  it('are the same for a seed, and others for another seed, name or layer', () => {
    const type = floats(1, 1, 3);
    const build = () => [rnn(5, { layers: 2 }), rnn(5)];
    const [first, again, other] = [
      draw(build(), type),
      draw(build(), type),
      draw(build(), type, 2),
    ];
    expect(again).toEqual(first);
    for (const [name, values] of first) expect(other.get(name), name).not.toEqual(values);
    expect(first.get('rnn.weight_hh_l0')).not.toEqual(first.get('rnn.weight_hh_l1'));
    expect(first.get('rnn.weight_hh_l0')).not.toEqual(first.get('rnn_1.weight_hh_l0'));
  });
});
