import type { Device } from '../../src/device/device.ts';
import {
  adam,
  dropout,
  embedding,
  gru,
  type Layer,
  linear,
  lstm,
  oneHot,
  rmsprop,
  rnn,
  sequential,
  sgd,
  type TrainerOptions,
  textStream,
} from '../../src/index.ts';
import { planLimits } from '../../src/training/plan-limits.ts';
import { assertEqual, assertTrue, type DeviceCase } from './case.ts';
import { assertSameTraining, trainFresh, trainOn, withTrainer } from './trainer-rig.ts';

const text = 'the quick brown fox jumps over the lazy dog and back. '.repeat(8);

function options(
  device: TrainerOptions['device'],
  changes: Partial<TrainerOptions>,
): TrainerOptions {
  const data = textStream(text, { batch: 3, steps: 5 });
  const size = data.vocabulary.size;
  const model = sequential([oneHot(size), rnn(6), linear(size)]);
  const optimizer = adam({ learningRate: 0.01 });
  return { device, data, model, optimizer, clipNorm: 0.5, seed: 3, ...changes };
}

const size = textStream(text, { batch: 3, steps: 5 }).vocabulary.size;
const variants: readonly (readonly [string, Partial<TrainerOptions>])[] = [
  ['rnn, adam, clipping', {}],
  [
    'two layers of lstm on an embedding, dropout, rmsprop, state carried on',
    {
      model: sequential([
        embedding(size, 5),
        lstm(7, { layers: 2, dropout: 0.2 }),
        dropout(0.1),
        linear(size),
      ]),
      optimizer: rmsprop({ learningRate: 0.01 }),
      stateful: true,
    },
  ],
  [
    'gru, nesterov',
    {
      model: sequential([oneHot(size), gru(8, { reset: 'before' }), linear(size)]),
      optimizer: sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
    },
  ],
];

/** Large enough that one workgroup is worth it; the last quad, and the last unit of the others, are not full. */
const heldModels: readonly (readonly [string, readonly Layer[]])[] = [
  ['lstm on a smaller gru', [oneHot(size), gru(34), lstm(70), linear(size)]],
  ['lstm', [oneHot(size), lstm(70), linear(size)]],
  ['rnn of three layers', [oneHot(size), rnn(50, { layers: 3 }), linear(size)]],
  ['gru, reset before', [oneHot(size), gru(70, { reset: 'before' }), linear(size)]],
  ['gru between layers', [embedding(size, 9), gru(70), linear(32, { bias: false }), linear(size)]],
  ['rnn', [oneHot(size), rnn(200), linear(size)]],
];

export const cases: readonly DeviceCase[] = [
  ...variants.map(([name, changes], index) => ({
    name: `training steps of ${name} equal the reference's`,
    // Each takes seconds to build; other cases run the same kernels in one workgroup.
    ...(index > 0 && { full: true as const }),
    async run(device: Device) {
      const stretch = { steps: 7 };
      const got = await withTrainer(
        options(device, { ...changes, strategy: 'resident' }),
        async (trainer) => {
          assertTrue(trainer.explain().includes('resident, one workgroup'), trainer.explain());
          return trainOn(trainer, stretch);
        },
      );
      const expected = await trainFresh(options('reference', changes), stretch);
      assertSameTraining(got, expected, { steps: 5, fanIn: 64 });
    },
  })),
  {
    name: 'many steps in a dispatch give the bits of one step in each',
    async run(device) {
      const train = (stepsPerSubmit: number) =>
        withTrainer(options(device, { strategy: 'resident' }), async (trainer) => {
          const before = device.counters.dispatches;
          const progress = await trainOn(trainer, { steps: 21, stepsPerSubmit });
          const dispatches = device.counters.dispatches - before;
          return { losses: progress.map(({ loss }) => loss).join(), dispatches };
        });
      const [one, many] = [await train(1), await train(21)];
      assertEqual(many.losses, one.losses, 'losses');
      assertEqual(one.dispatches, 21, 'dispatches of single steps');
      // 16 + 4 + 1
      assertEqual(many.dispatches, 3, 'dispatches of 21 steps');
    },
  },
  {
    name: 'trainers whose settings differ share the kernel of their workgroup',
    async run(device) {
      const { gpu } = device;
      const create = gpu.createShaderModule;
      let modules = 0;
      gpu.createShaderModule = (descriptor) => {
        modules += 1;
        return create.call(gpu, descriptor);
      };
      try {
        const train = (learningRate: number, clipNorm: number) => {
          const optimizer = adam({ learningRate, weightDecay: learningRate / 2 });
          const changes = { optimizer, clipNorm, strategy: 'resident' } as const;
          return withTrainer(options(device, changes), (trainer) => trainOn(trainer, { steps: 2 }));
        };
        const [first] = (await train(0.02, 0.7)).slice(-1);
        const before = modules;
        const [second] = (await train(0.005, 0.2)).slice(-1);
        assertEqual(modules, before, 'shader modules after the second trainer');
        assertTrue(first?.loss !== second?.loss, `both losses are ${first?.loss}`);
      } finally {
        gpu.createShaderModule = create;
      }
    },
  },
  {
    name: 'a small model trains and samples in one workgroup by itself',
    async run(device) {
      const sampleOn = (target: TrainerOptions['device']) =>
        withTrainer(options(target, {}), async (trainer) => {
          await trainOn(trainer, { steps: 20 });
          if (target === device) {
            assertTrue(trainer.explain().includes('resident, one workgroup'), trainer.explain());
          }
          const greedy = await trainer.sample('the ', { length: 12, temperature: 0 });
          return `${greedy} | ${await trainer.sample('the ', { length: 12, seed: 5, topK: 3 })}`;
        });
      assertEqual(await sampleOn(device), await sampleOn('reference'), 'samples');
    },
  },
  ...heldModels.map(
    ([name, layers], index): DeviceCase => ({
      name: `${name}: samples with weights that threads keep equal the reference's`,
      ...(index > 0 && { full: true as const }),
      async run(device) {
        const { isSoftware, hasSubgroups, laneWidth } = planLimits(device);
        const model = sequential(layers);
        const sampleOn = (target: TrainerOptions['device']) =>
          withTrainer(options(target, { model }), async (trainer) => {
            const samples = [await trainer.sample('the ', { length: 9, temperature: 0 })];
            await trainOn(trainer, { steps: 1 });
            const before = device.counters.dispatches;
            samples.push(await trainer.sample('the ', { length: 66, temperature: 0.5, seed: 5 }));
            const dispatches = device.counters.dispatches - before;
            if (target === device && isSoftware && hasSubgroups && laneWidth <= 4) {
              assertEqual(dispatches, 3, 'dispatches of 69 tokens: 64 + 4 + 1');
            }
            samples.push(await trainer.sample('fox', { length: 9, seed: 6, topK: 3 }));
            return samples.join(' | ');
          });
        assertEqual(await sampleOn(device), await sampleOn('reference'), 'samples');
      },
    }),
  ),
];
