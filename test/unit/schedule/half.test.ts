import { describe, expect, it } from 'vitest';
import { workloads } from '../../../bench/workloads.ts';
import { dropout, embedding, linear, oneHot } from '../../../src/layers/basic.ts';
import { sequential } from '../../../src/layers/model.ts';
import { gru, lstm } from '../../../src/layers/recurrent.ts';
import { explainPlan, measurePlan } from '../../../src/schedule/explain.ts';
import type { Plan } from '../../../src/schedule/plan.ts';
import { tokenStream } from '../../../src/training/text-stream.ts';
import { planLanguageModel } from './language-model.ts';
import { narrowLimits, wideLimits } from './limits.ts';
import { planTraining, planWorkload } from './workload-plans.ts';

const limits = { narrow: narrowLimits, wide: wideLimits } as const;
const size = { steps: 16, batch: 8, vocabulary: 30 };

function bytesOf({ buffers }: Plan, label: RegExp): number {
  return buffers.find((buffer) => label.test(buffer.label))?.bytes ?? Number.NaN;
}

function widened({ launches }: Plan): string[] {
  return launches.flatMap(({ kernel, label }) => (kernel === 'widen' ? [label] : []));
}

describe('plans that store f16', () => {
  const training = workloads.filter(({ kind, name }) => kind === 'training' && name !== 'hello');

  it.each(training)(
    '$name: half the weights, about half the activations, no launch more',
    async (workload) => {
      for (const device of ['narrow', 'wide'] as const) {
        const has = { ...limits[device], hasF16: true };
        // f16 runs layers one after the other, f32 as a wavefront where that pays.
        const strategy = workload.layers > 1 ? 'stepwise' : undefined;
        const wide = await planWorkload(workload, has, { strategy });
        const half = await planWorkload(workload, has, { precision: 'f16' });
        expect(bytesOf(half, /packed weights/)).toBe(bytesOf(wide, /packed weights/) / 2);
        const [before, after] = [measurePlan(wide), measurePlan(half)];
        // c of an LSTM keeps its four bytes, and so do logits and, on a GPU, the parts of split sums.
        const most = device === 'narrow' ? { held: 0.56, read: 0.63 } : { held: 0.72, read: 0.67 };
        expect(after.activationBytes / before.activationBytes).toBeLessThan(most.held);
        expect(after.readBytes / before.readBytes).toBeLessThan(most.read);
        expect(after.writtenBytes).toBeLessThan(before.writtenBytes);
        expect(after.dispatches).toBeLessThanOrEqual(before.dispatches);
        expect(after.flops / before.flops).toBeCloseTo(1, 3);
        for (const key of ['parameters', 'gradients', 'moment/mean']) {
          expect(bytesOf(half, new RegExp(`^${key}$`)), key).toBe(
            bytesOf(wide, new RegExp(`^${key}$`)),
          );
        }
      }
    },
  );

  it('keep f16 through dropout, both directions and slices', async () => {
    const data = tokenStream(new Int32Array(2000), 20, { batch: 4, steps: 8 });
    const model = sequential([
      embedding(20, 16),
      lstm(16, { layers: 2, direction: 'bidirectional', dropout: 0.2 }),
      dropout(0.1),
      gru(16),
      linear(20),
    ]);
    const plan = await planTraining(
      { model, data, precision: 'f16' },
      { ...narrowLimits, hasF16: true },
    );
    expect(widened(plan)).toEqual([]);
  });

  it('widen what a launch wants in f32, once', async () => {
    const plan = await planWorkload(
      workloads.find(({ name }) => name === 'infer-b32') as (typeof workloads)[number],
      { ...narrowLimits, hasF16: true },
      { precision: 'f16' },
    );
    expect(widened(plan)).toEqual(['lstm/recurrence_l0.widen']);
    expect(plan.tensors.get('output')?.dtype).toBe('f32');
  });

  it('say so, and leave f32 plans as they are', () => {
    const has = { limits: { ...narrowLimits, hasF16: true } };
    const [wide, half] = [
      planLanguageModel(size, has),
      planLanguageModel(size, { ...has, precision: 'f16' }),
    ];
    expect(explainPlan(half)).toContain('train: f16 storage, f32 arithmetic; asked for');
    expect(explainPlan(wide)).not.toContain('f16');
    expect(planLanguageModel(size, { ...has, precision: 'f32' })).toEqual(wide);
    const flags = wide.launches.flatMap(({ constants }) =>
      Object.entries(constants).filter(([name]) => name.endsWith('is_half')),
    );
    expect(flags.length).toBeGreaterThan(10);
    expect(flags.every(([, value]) => value === false)).toBe(true);
  });

  it('keep every tensor readable with its element type', () => {
    const options = {
      limits: { ...narrowLimits, hasF16: true },
      precision: 'f16',
      keepsAll: true,
    } as const;
    const { tensors } = planLanguageModel(size, options);
    expect(tensors.get('loss')).toMatchObject({ dtype: 'f32', shape: [] });
    expect(tensors.get('lstm/recurrence_l0')).toMatchObject({ dtype: 'f16', shape: [16, 8, 64] });
    // h takes a number per unit and step, c two.
    const row = 8 * 64;
    expect(tensors.get('lstm/recurrence_l0:2')).toMatchObject({
      dtype: 'f16',
      shape: [3 * (row + 16 * row)],
    });
    expect(tensors.get('linear')?.dtype).toBe('f32');
    expect(tensors.get('softmax-cross-entropy.gradient')?.dtype).toBe('f16');
  });

  it('run launch by launch and layer by layer, and are refused otherwise', async () => {
    const data = tokenStream(new Int32Array(200), 5, { batch: 1, steps: 4 });
    const model = sequential([oneHot(5), lstm(4, { layers: 2 }), linear(5)]);
    const has = { ...narrowLimits, hasF16: true };
    const plan = (strategy?: 'resident' | 'wavefront') =>
      planTraining({ model, data, precision: 'f16', ...(strategy && { strategy }) }, has);
    expect((await plan()).resident).toBeUndefined();
    await expect(plan('resident')).rejects.toThrow(
      "train: strategy 'resident' cannot work: precision is 'f16', and its memory holds words of 32 bits. " +
        'Leave the strategy to the scheduler.',
    );
    await expect(plan('wavefront')).rejects.toThrow(
      "lstm/recurrence_l0: strategy 'wavefront' stores float32, and precision is 'f16'. Ask for " +
        "'persistent' or 'stepwise', or use precision: 'f32'.",
    );
  });

  it('are refused on a device without half precision', () => {
    expect(() => planLanguageModel(size, { precision: 'f16' })).toThrow(
      "train: precision is 'f16' and this device has no half precision, expected one with the feature " +
        "'shader-f16'. Use precision: 'f32', or request a device on another adapter.",
    );
  });
});
