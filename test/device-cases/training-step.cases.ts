import type { Device } from '../../src/device/device.ts';
import type { Lowering, PlanLimits } from '../../src/graph/operator.ts';
import { globalNorm } from '../../src/training/clipping.ts';
import { batches, type DataSource, gatherField, residentArrays } from '../../src/training/data.ts';
import {
  constantRate,
  cosineDecay,
  type LearningRateSchedule,
  learningRateAt,
  stepDecay,
  warmUp,
} from '../../src/training/schedules.ts';
import {
  lowerCarryState,
  lowerFinishStep,
  lowerGatherBatches,
  lowerGradientNorm,
  trainingState,
} from '../../src/training/step.ts';
import {
  decodeTrainingState,
  encodeTrainingState,
  stepRecordBytes,
  trainingKeys,
} from '../../src/training/step-state.ts';
import { textStream } from '../../src/training/text-stream.ts';
import { decodeHistory } from '../support/history.ts';
import { assertEqual, assertTrue, type DeviceCase } from './case.ts';
import { assertClose, makeNoise, makeRig } from './training-rig.ts';

const epsilon = 2 ** -23;
/** Where a workgroup adds up as a subgroup, where one thread does so for all, and where they do so as a tree. */
const adapters: readonly Partial<PlanLimits>[] = [
  { laneWidth: 4 },
  { laneWidth: 4, hasSubgroups: false },
  { laneWidth: 32 },
];

/** A rig that ends steps: loss and gradients are shared buffers that the case writes. */
function makeFinishRig(
  device: Device,
  options: {
    floats?: number;
    capacity?: number;
    schedule?: LearningRateSchedule;
    learningRate?: number;
    clipNorm?: number;
    limits?: Partial<PlanLimits>;
  },
) {
  const { floats, capacity = 4, schedule = constantRate(), learningRate = 0.1 } = options;
  const clipping = options.clipNorm === undefined ? {} : { clipNorm: options.clipNorm };
  const stage = (lowering: Lowering) => {
    const gradients = floats && lowering.shared('gradients', 4 * floats);
    lowerFinishStep(lowering, {
      loss: lowering.shared('loss', 4),
      ...(gradients && { parts: lowerGradientNorm(lowering, gradients, 'norm') }),
      schedule,
      learningRate,
      clipping,
      history: lowering.shared(trainingKeys.history, capacity * stepRecordBytes),
      state: trainingState(lowering),
      label: 'finish',
    });
  };
  return makeRig(device, stage, options.limits);
}

async function checkGather(device: Device, source: DataSource): Promise<void> {
  const keys = residentArrays([source]);
  const rig = await makeRig(device, (lowering) => {
    const fields = source.fields.map((field) => {
      const bytes = 4 * field.shape.reduce((product, extent) => product * extent, 1);
      const target = lowering.shared(field.name, bytes);
      return { field, key: keys.get(field.array) as string, target };
    });
    const state = trainingState(lowering);
    lowerGatherBatches(lowering, { fields, batchCount: source.batchCount, state });
  });
  for (const [array, key] of keys) rig.write(key, array);
  for (const step of [0, 1, source.batchCount - 1, source.batchCount, 5 * source.batchCount + 1]) {
    rig.write(trainingKeys.state, encodeTrainingState({ seed: 0, step }));
    rig.executable.run();
    for (const field of source.fields) {
      const { buffer } = await rig.read(field.name);
      const got = field.dtype === 'i32' ? new Int32Array(buffer) : new Float32Array(buffer);
      assertEqual(
        [...got],
        [...gatherField(field, source.batchCount, step)],
        `${field.name} ${step}`,
      );
    }
  }
  rig.dispose();
}

async function checkNorm(
  device: Device,
  limits: Partial<PlanLimits>,
  floats: number,
  scale: number,
): Promise<void> {
  const rig = await makeFinishRig(device, { floats, clipNorm: 1, limits });
  const gradients = makeNoise(floats, floats, scale);
  rig.write('gradients', gradients);
  const states: string[] = [];
  for (let run = 0; run < 2; run++) {
    rig.write(trainingKeys.state, encodeTrainingState({ seed: 0, step: 0 }));
    rig.executable.run();
    states.push(String(await rig.read(trainingKeys.history)));
  }
  assertEqual(states[1], states[0], 'records of two runs');
  const history = await rig.read(trainingKeys.history);
  const [record] = decodeHistory(history, { first: 0, end: 1, origin: 0 });
  const norm = globalNorm([Float64Array.from(gradients)]);
  // Up to 16 terms a lane, 256 parts a thread, 64 threads; the errors of random terms largely cancel.
  assertClose([record?.gradientNorm ?? 0], [norm], () => 8 * epsilon * norm, 'norm');
  const state = decodeTrainingState(await rig.read(trainingKeys.state));
  const expected = Math.min(1, 1 / (norm + 1e-6));
  // A scale below 2^-126 may be flushed to zero.
  assertClose(
    [state.gradientScale],
    [expected],
    () => 16 * epsilon * expected + 2 ** -126,
    'scale',
  );
  assertEqual([state.step, state.halted], [1, false], 'step and halted');
  rig.dispose();
}

async function checkSchedule(device: Device, schedule: LearningRateSchedule): Promise<void> {
  const learningRate = 0.3;
  const capacity = 64;
  const rig = await makeFinishRig(device, { capacity, schedule, learningRate });
  const firstSteps = [0, 1000, 123_456];
  for (const first of firstSteps) {
    const state = encodeTrainingState({ seed: 0, step: first, learningRateScale: 0.5 });
    rig.write(trainingKeys.state, state);
    rig.executable.run({ repeats: capacity });
    const range = { first, end: first + capacity, origin: first };
    const records = decodeHistory(await rig.read(trainingKeys.history), range);
    assertClose(
      records.map((record) => record.learningRate),
      records.map(({ step }) => learningRateAt(schedule, learningRate, step) / 2),
      (rate) => 24 * epsilon * rate + 1e-9,
      `rate from ${first}`,
    );
  }
  rig.dispose();
}

async function checkHalt(
  device: Device,
  limits: Partial<PlanLimits>,
  loss: number,
  gradient: number,
): Promise<void> {
  const floats = 4 * 300;
  const rig = await makeFinishRig(device, { floats, capacity: 8, limits });
  const gradients = makeNoise(floats, 1);
  rig.write('gradients', gradients);
  rig.write('loss', Float32Array.of(2));
  rig.write(trainingKeys.state, encodeTrainingState({ seed: 9, step: 5 }));
  rig.executable.run({ repeats: 2 });
  gradients[floats - 1] = gradient;
  rig.write('gradients', gradients);
  rig.write('loss', Float32Array.of(loss));
  rig.executable.run();
  rig.write('gradients', makeNoise(floats, 2));
  rig.write('loss', Float32Array.of(1));
  rig.executable.run({ repeats: 3 });
  const state = decodeTrainingState(await rig.read(trainingKeys.state));
  assertEqual([state.halted, state.step, state.seed], [true, 7, 9], 'halted, step, seed');
  const bytes = await rig.read(trainingKeys.history);
  const records = decodeHistory(bytes, { first: 5, end: 9, origin: 5 });
  assertEqual(
    records.map((record) => record.lossIsFinite),
    [true, true, Number.isFinite(loss), true],
    'finite losses',
  );
  assertEqual(
    records.map((record) => record.gradientsAreFinite),
    [true, true, Number.isFinite(gradient), true],
    'finite gradients',
  );
  assertEqual(records[3]?.loss, 0, 'a record behind the halted step');
  rig.dispose();
}

const letters = Array.from({ length: 700 }, (_, index) => 'abcdefg '[(index * index) % 8]).join('');

export const cases: readonly DeviceCase[] = [
  {
    name: 'batches of a text are gathered by the step, and start over',
    async run(device) {
      await checkGather(device, textStream(letters, { batch: 3, steps: 7 }));
      await checkGather(device, textStream(letters, { batch: 1, steps: 1 }));
      const { heldOut } = textStream(letters, { batch: 5, steps: 20, heldOut: 0.4 });
      await checkGather(device, heldOut as DataSource);
    },
  },
  {
    name: 'batches of arrays are gathered by the step, tokens and numbers',
    async run(device) {
      const input = { values: makeNoise(3 * 5 * 2 * 71, 3), shape: [3, 5, 2, 71] };
      const target = { values: Int32Array.of(7, -1, 9), shape: [3, 1] };
      await checkGather(device, batches({ input, target }));
    },
  },
  {
    name: 'the gradient norm is exact to a few units, for any size and scale',
    async run(device) {
      for (const limits of adapters) {
        await checkNorm(device, limits, 4, 1);
        await checkNorm(device, limits, 64, 1e-12);
        await checkNorm(device, limits, 4 * 257, 10);
        await checkNorm(device, limits, 4 * 256 * 1030 + 4, 1);
        await checkNorm(device, limits, 1024, 1e30);
        await checkNorm(device, limits, 1024, 3e38 / 64);
      }
    },
  },
  {
    name: 'learning rates follow their schedules',
    async run(device) {
      const cosine = cosineDecay({ totalSteps: 41, minimum: 0.01 });
      await checkSchedule(device, constantRate());
      await checkSchedule(device, stepDecay({ stepSize: 5, gamma: 0.9 }));
      await checkSchedule(device, stepDecay({ stepSize: 1000, gamma: 0.97 }));
      await checkSchedule(device, cosine);
      await checkSchedule(device, cosineDecay({ totalSteps: 100_000 }));
      await checkSchedule(device, warmUp({ steps: 17, startFactor: 0.1 }, cosine));
      await checkSchedule(device, warmUp({ steps: 1010 }, stepDecay({ stepSize: 3, gamma: 0.5 })));
    },
  },
  {
    name: 'a loss or gradient that is not finite halts the training',
    async run(device) {
      const infinity = Number.POSITIVE_INFINITY;
      for (const limits of adapters) {
        await checkHalt(device, limits, Number.NaN, 1);
        await checkHalt(device, limits, -infinity, 1);
        await checkHalt(device, limits, 1, Number.NaN);
        await checkHalt(device, limits, infinity, infinity);
      }
    },
  },
  {
    name: 'a history shorter than the training is a ring',
    async run(device) {
      const rig = await makeFinishRig(device, { capacity: 3 });
      rig.write(trainingKeys.state, encodeTrainingState({ seed: 0, step: 100 }));
      for (let step = 100; step < 108; step++) {
        rig.write('loss', Float32Array.of(step / 8));
        rig.executable.run();
      }
      const bytes = await rig.read(trainingKeys.history);
      const records = decodeHistory(bytes, { first: 105, end: 108, origin: 100 });
      assertEqual(
        records.map(({ loss }) => loss),
        [105 / 8, 106 / 8, 107 / 8],
        'losses',
      );
      rig.dispose();
    },
  },
  {
    name: 'a recurrent state is carried on, and is zero where the data starts over',
    async run(device) {
      const elements = 131;
      const finalState = makeNoise(elements, 5);
      for (const resetsState of [true, false]) {
        const rig = await makeRig(device, (lowering) => {
          lowerCarryState(lowering, {
            finalState: lowering.shared('final', 4 * elements),
            persistent: lowering.shared('state/h', 1024),
            elements,
            batchCount: 3,
            resetsState,
            state: trainingState(lowering),
            label: 'carry',
          });
        });
        rig.write('final', finalState);
        for (const [step, halted] of [
          [1, false],
          [2, false],
          [3, false],
          [3, true],
        ] as const) {
          rig.write('state/h', new Float32Array(256).fill(9));
          rig.write(trainingKeys.state, encodeTrainingState({ seed: 0, step, halted }));
          rig.executable.run();
          const got = await rig.readFloats('state/h');
          const isZero = resetsState && step === 3;
          const expected = finalState.map((value) => (halted ? 9 : isZero ? 0 : value));
          assertEqual(got.subarray(0, elements), expected, `state before step ${step}`);
          assertTrue(
            got.subarray(elements).every((value) => value === 9),
            'what lies behind is left alone',
          );
        }
        rig.dispose();
      }
    },
  },
];
