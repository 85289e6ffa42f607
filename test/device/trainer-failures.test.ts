import { describe, expect, it } from 'vitest';
import {
  adam,
  type DataSource,
  type Device,
  DeviceLostError,
  embedding,
  linear,
  lstm,
  Network,
  NonFiniteError,
  ParityError,
  requestDevice,
  selfTest,
  sequential,
  sgd,
  Trainer,
  type TrainerOptions,
  textStream,
} from '../../src/index.ts';
import { kernels } from '../../src/kernels/generated/index.ts';
import { checkpointAfter, trainFresh, trainOn, withTrainer } from '../device-cases/trainer-rig.ts';
import { useDevice } from '../support/device.ts';
import { editWeight } from '../unit/trainer/reference-run.ts';

const device = useDevice();

const data: DataSource = textStream('hello yellow fellow, well hello yellow hello', {
  batch: 2,
  steps: 4,
});
const size = data.vocabulary?.size as number;

function languageModel(changes: Partial<TrainerOptions> = {}): TrainerOptions {
  return {
    device: device(),
    data,
    model: sequential([embedding(size, 3), lstm(4), linear(size)]),
    optimizer: adam({ learningRate: 0.01 }),
    stateful: true,
    seed: 2,
    // Kernels that all trainers here share, where one for a whole step would be built anew for each.
    strategy: 'persistent',
    ...changes,
  };
}

async function catchError(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => undefined,
    (reason: Error) => reason,
  );
  if (!error) throw new Error('expected an error, got none');
  return error;
}

/** A device whose kernel `name` has one piece of its source replaced: a wrong driver. */
async function openWrongDevice(
  name: keyof typeof kernels,
  right: string,
  wrong: string,
): Promise<Device> {
  const broken = await requestDevice({ label: 'wrong' });
  const kernel = kernels[name];
  const source = kernel.source.replace(right, wrong);
  if (source === kernel.source) throw new Error(`'${right}' is not in kernel ${name}`);
  const compile = broken.compile.bind(broken);
  broken.compile = (plan, shared, options) =>
    compile(plan, shared, { ...options, kernels: { [name]: { ...kernel, source } } });
  return broken;
}

describe('validation', () => {
  it('passes where the device is right', async () => {
    const options = languageModel({ validate: { every: 2 }, clipNorm: 0.1 });
    const steps = await trainFresh(options, { steps: 5, stepsPerSubmit: 4 });
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
    expect(steps).toEqual(
      await trainFresh(languageModel({ clipNorm: 0.1 }), { steps: 5, stepsPerSubmit: 4 }),
    );
  });

  it('names tensor, index and both values where a gradient is wrong', async () => {
    using wrong = await openWrongDevice(
      'softmax-cross-entropy-gradient',
      '(probability - hit) * scale',
      '(probability - 1.001 * hit) * scale',
    );
    const options = languageModel({ device: wrong, validate: { every: 3 } });
    const error = await catchError(trainFresh(options, { steps: 1 }));
    expect(error).toBeInstanceOf(ParityError);
    expect(error.message).toMatch(
      /^step 1: gradient of '[\w.]+' at \[\d+(, \d+)?\] is \S+, the reference has \S+: \S+ of the tol/,
    );
    expect(wrong.liveBuffers).toBe(0);

    const refused = await catchError(selfTest(wrong));
    expect(refused).toBeInstanceOf(ParityError);
    expect(refused.message).toMatch(
      /^self-test of .* at \d+ is \S+, expected \S+ \(.* recurrence\)/,
    );
    expect(wrong.liveBuffers).toBe(0);
  });

  it('before training refuses a device whose recurrences are wrong', async () => {
    using wrong = await openWrongDevice(
      'pack-matrices',
      'target_number(value)',
      'target_number(1.001 * value)',
    );
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const refused = await catchError(Trainer.create(languageModel({ device: wrong })));
      expect(refused).toBeInstanceOf(ParityError);
      expect(refused.message).toMatch(/^self-test of .* is \S+, expected \S+ \(persistent rec/);
      expect(wrong.liveBuffers).toBe(0);
    }
  });

  it('names the loss where that is wrong', async () => {
    using wrong = await openWrongDevice(
      'softmax-cross-entropy-mean',
      'total.reals.x /',
      '1.01 * total.reals.x /',
    );
    const error = await catchError(
      trainFresh(languageModel({ device: wrong, validate: { every: 1 } }), { steps: 1 }),
    );
    expect(error).toBeInstanceOf(ParityError);
    expect(error.message).toMatch(
      /^step 1: loss is \S+, the reference has \S+: \S+ of the tolerance/,
    );
  });

  it('of the device itself passes on this adapter', async () => {
    const { worst, tensors } = await selfTest(device());
    expect(worst.ratio).toBeGreaterThan(0);
    expect(worst.ratio).toBeLessThan(1);
    expect(tensors).toBeGreaterThan(10);
  });
});

describe('a loss that is not finite', () => {
  const reckless = () => languageModel({ optimizer: sgd({ learningRate: 1e30 }) });

  it.each([1, 8])('stops before the step, %i steps a submit', async (stepsPerSubmit) => {
    const before = await checkpointAfter(reckless(), { steps: 1 });
    await withTrainer(reckless(), async (trainer) => {
      const seen: number[] = [];
      const error = await catchError(
        (async () => {
          for await (const { step } of trainer.fit({ steps: 12, stepsPerSubmit })) seen.push(step);
        })(),
      );
      expect(error).toBeInstanceOf(NonFiniteError);
      expect(error.message).toMatch(
        /^step 2: the (loss is|gradient norm is not).*; the first non-finite tensor is '.+' at \[.*\]: .*The weights are those before this step\. Lower the learning rate or set clipNorm\.$/,
      );
      expect(seen).toEqual([1]);
      expect(trainer.step).toBe(1);
      expect(await trainer.checkpoint()).toEqual(before);
      expect(await catchError(trainOn(trainer, { steps: 1 }))).toBe(error);
    });
  });

  it('is found when the loop was left before it came back', async () => {
    await withTrainer(reckless(), async (trainer) => {
      for await (const _ of trainer.fit({ steps: 9, stepsPerSubmit: 3 })) break;
      expect(trainer.step).toBe(1);
      expect(await catchError(trainOn(trainer, { steps: 3 }))).toBeInstanceOf(NonFiniteError);
    });
  });

  it.each(['device', 'reference'])('names the weight that caused it, on the %s', async (on) => {
    const options = languageModel(on === 'reference' ? { device: on } : {});
    const checkpoint = editWeight(
      await checkpointAfter(options, { steps: 2 }),
      'lstm.weight_hh_l0',
      4 * 5 + 1,
      Number.POSITIVE_INFINITY,
    );
    await withTrainer({ ...options, checkpoint }, async (trainer) => {
      const error = await catchError(trainOn(trainer, { steps: 2 }));
      expect(error).toBeInstanceOf(NonFiniteError);
      expect(error.message).toContain(
        "the first non-finite tensor is 'lstm.weight_hh_l0' at [5, 1]: Infinity",
      );
      expect(error.message).toMatch(/^step 3: /);
      expect(trainer.step).toBe(2);
      expect(await trainer.checkpoint()).toEqual(checkpoint);
    });
  });

  it('names the activation that overflowed', async () => {
    const options = languageModel();
    let checkpoint: Uint8Array = await checkpointAfter(options, { steps: 1 });
    for (let at = 0; at < 4; at++) checkpoint = editWeight(checkpoint, 'linear.weight', at, 3e38);
    checkpoint = editWeight(checkpoint, 'linear.bias', 0, 3.4e38);
    for (let at = 0; at < 8; at++)
      checkpoint = editWeight(checkpoint, 'lstm.bias_ih_l0', at + 8, 20);
    await withTrainer({ ...options, checkpoint }, async (trainer) => {
      const error = await catchError(trainOn(trainer, { steps: 1 }));
      expect(error.message).toContain(
        "the first non-finite tensor is 'linear' at [0, 0, 0]: Infinity",
      );
    });
  });
});

describe('memory on the device', () => {
  it('is free after trainers and networks are disposed', async () => {
    const before = device().liveBuffers;
    const trainer = await Trainer.create(languageModel());
    await trainOn(trainer, { steps: 2 });
    await trainer.sample('hell', { length: 3 });
    await trainer.evaluate({ data });
    const network = await Network.load({
      device: device(),
      checkpoint: await trainer.checkpoint(),
    });
    await network.sample('hell', { length: 3 });
    await network.forward({ input: { data: Int32Array.of(0, 1), shape: [2, 1] } });
    expect(device().liveBuffers).toBeGreaterThan(before);
    await trainer.dispose();
    await network.dispose();
    expect(device().liveBuffers).toBe(before);
  });

  it('is free after a trainer that could not be made, or not be sampled from', async () => {
    const before = device().liveBuffers;
    const checkpoint = await checkpointAfter(languageModel(), { steps: 1 });
    const other = sequential([embedding(size, 3), lstm(5), linear(size)]);
    await catchError(Trainer.create(languageModel({ checkpoint, model: other })));
    await catchError(Trainer.create(languageModel({ checkpoint: checkpoint.subarray(0, 90) })));
    await catchError(Network.load({ device: device(), checkpoint: checkpoint.subarray(0, 90) }));
    expect(device().liveBuffers).toBe(before);

    const classes = sequential([embedding(size, 3), linear(3), lstm(4), linear(1), linear(size)]);
    const trainer = await Trainer.create(languageModel({ model: classes }));
    const broken = device().compile;
    device().compile = () => Promise.reject(new Error('no more pipelines'));
    await expect(trainer.sample('h', { length: 2 })).rejects.toThrow('no more pipelines');
    device().compile = broken;
    await trainer.dispose();
    expect(device().liveBuffers).toBe(before);
  });
});

describe('a device that is lost', () => {
  it('is an error of its own, and everything can still be disposed', async () => {
    const doomed = await requestDevice({ label: 'doomed' });
    const trainer = await Trainer.create(languageModel({ device: doomed, selfTest: false }));
    const error = await catchError(
      (async () => {
        for await (const { step } of trainer.fit({ steps: 50, stepsPerSubmit: 1 })) {
          if (step === 3) doomed.gpu.destroy();
        }
      })(),
    );
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(error.message).toMatch(/the device was lost .* go on from the last checkpoint/);
    expect(await catchError(trainer.checkpoint())).toBeInstanceOf(DeviceLostError);
    expect(await catchError(trainer.sample('h'))).toBeInstanceOf(DeviceLostError);
    expect(await catchError(trainer.evaluate({ data }))).toBeInstanceOf(DeviceLostError);
    expect(await catchError(Trainer.create(languageModel({ device: doomed })))).toBeInstanceOf(
      DeviceLostError,
    );
    await trainer.dispose();
    doomed.dispose();
    expect(doomed.liveBuffers).toBe(0);
  });
});
