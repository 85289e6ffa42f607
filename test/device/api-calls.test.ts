import { describe, expect, it } from 'vitest';
import { globals } from 'webgpu';
import {
  adam,
  embedding,
  type Layer,
  linear,
  lstm,
  oneHot,
  sequential,
  type TrainerOptions,
  textStream,
} from '../../src/index.ts';
import { GpuEngine } from '../../src/training/gpu-engine.ts';
import { trainOn, withTrainer } from '../device-cases/trainer-rig.ts';
import { useDevice } from '../support/device.ts';

const device = useDevice();

/** Interfaces of WebGPU whose calls are counted, by what a method's name begins with. */
const watched = {
  GPUDevice: /^create/,
  GPUQueue: /^(submit|write|copy)/,
  GPUCommandEncoder: /^(begin|copy|clear|resolve)/,
  GPUComputePassEncoder: /^dispatch/,
} as const;

type Calls = Record<string, number>;

/** Counts calls of WebGPU itself, whoever makes them, while `work` runs. */
async function countCalls(work: () => Promise<unknown>): Promise<Calls> {
  const calls: Calls = {};
  const restore: (() => void)[] = [];
  for (const [type, pattern] of Object.entries(watched)) {
    const { prototype } = (globals as Record<string, { prototype: Record<string, unknown> }>)[
      type
    ] as { prototype: Record<string, unknown> };
    for (const name of Object.keys(prototype).filter((key) => pattern.test(key))) {
      const original = prototype[name] as (...args: unknown[]) => unknown;
      prototype[name] = function (this: unknown, ...args: unknown[]) {
        calls[name] = (calls[name] ?? 0) + 1;
        return original.apply(this, args);
      };
      restore.push(() => {
        prototype[name] = original;
      });
    }
  }
  try {
    await work();
  } finally {
    for (const undo of restore) undo();
  }
  return calls;
}

const batch = 16;
const text = Array.from({ length: 9_000 }, (_, i) => 'abcdefgh ijkl'[(i * i) % 13]).join('');

/** A one-layer language model: one LSTM layer of 64 units, persistent, with everything on. */
function languageModel(steps: number, encode: (size: number) => Layer): TrainerOptions {
  const data = textStream(text, { batch, steps });
  const size = data.vocabulary?.size as number;
  return {
    device: device(),
    model: sequential([encode(size), lstm(64), linear(size)]),
    data,
    optimizer: adam({ learningRate: 1e-3 }),
    clipNorm: 1,
    stateful: true,
    strategy: 'persistent',
  };
}

/** Calls of the steps after the first one, all in one submit. */
function measure(options: TrainerOptions, steps: number): Promise<Calls> {
  return withTrainer(options, async (trainer) => {
    await trainOn(trainer, { steps: 1 });
    return countCalls(() => trainOn(trainer, { steps, stepsPerSubmit: steps }));
  });
}

function planOf(options: TrainerOptions) {
  return withTrainer(options, ({ engine }) => {
    if (!(engine instanceof GpuEngine)) throw new Error('the trainer does not run on the GPU');
    return Promise.resolve(engine.executable.plan);
  });
}

const encoders = {
  embedding: (size: number) => embedding(size, 32),
  oneHot: (size: number) => oneHot(size),
};

describe('WebGPU calls of training, counted outside of Gatefold', () => {
  it('are few, and the same for 16 and 256 time steps', async () => {
    const steps = 2;
    const short = await measure(languageModel(16, encoders.embedding), steps);
    const long = await measure(languageModel(256, encoders.embedding), steps);
    expect(long).toEqual(short);
    expect((short.dispatchWorkgroups as number) / steps).toBeLessThanOrEqual(24);
    // The steps and the readback of their records; nothing is created, nothing is uploaded.
    expect(short).toEqual({
      createCommandEncoder: 1,
      beginComputePass: 1,
      copyBufferToBuffer: 1,
      dispatchWorkgroups: short.dispatchWorkgroups,
      submit: 1,
    });
  });

  it('are one dispatch per launch of the plan, and one submit per group of steps', async () => {
    const options = languageModel(16, encoders.oneHot);
    const { prologue, launches } = await planOf(options);
    expect(prologue).toHaveLength(0);
    const calls = await withTrainer(options, async (trainer) => {
      // Two groups are under way at once: from the second on, readback's buffers are there.
      await trainOn(trainer, { steps: 3, stepsPerSubmit: 1 });
      return countCalls(() => trainOn(trainer, { steps: 20, stepsPerSubmit: 4 }));
    });
    expect(calls.dispatchWorkgroups).toBe(20 * launches.length);
    expect(calls.submit).toBe(20 / 4);
    expect(calls).not.toHaveProperty('createBuffer');
    expect(calls).not.toHaveProperty('writeBuffer');
  });

  it.each(Object.entries(encoders))(
    'fit the bound in the plan of a model with %s at any length',
    async (_, encode) => {
      for (const steps of [16, 256]) {
        const { launches } = await planOf(languageModel(steps, encode));
        expect(launches.length).toBeLessThanOrEqual(24);
      }
    },
  );
});

describe('WebGPU calls of a stream, counted outside of Gatefold', () => {
  it('are one upload and one submit per step, and nothing that is created', async () => {
    const options = languageModel(16, encoders.embedding);
    await withTrainer(options, async (trainer) => {
      const type = { shape: [1, 4], dtype: 'i32' } as const;
      const stream = await trainer.network.stream({ inputs: { input: type } });
      const tokens = Int32Array.of(0, 1, 2, 3);
      await stream.step({ input: tokens });
      const pushed = await countCalls(async () => {
        for (let step = 0; step < 5; step++) stream.push({ input: tokens });
      });
      expect(pushed).toEqual({
        writeBuffer: 5,
        createCommandEncoder: 5,
        beginComputePass: 5,
        dispatchWorkgroups: pushed.dispatchWorkgroups,
        submit: 5,
      });
      const read = await countCalls(async () => {
        for (let step = 0; step < 5; step++) await stream.step({ input: tokens });
      });
      expect(read).toEqual({ ...pushed, copyBufferToBuffer: 5 });
      // Embedding, projection, recurrence, its last state, output layer.
      expect((pushed.dispatchWorkgroups as number) / 5).toBeLessThanOrEqual(5);
      const anew = await countCalls(async () => stream.reset());
      expect(anew).toEqual({ writeBuffer: 1 });
    });
  });
});
