import type { Device } from '../../src/device/device.ts';
import { layOutParameters } from '../../src/schedule/parameter-layout.ts';
import {
  decodeLossScale,
  encodeLossScale,
  lossScaleBytes,
  lossScaleKey,
} from '../../src/training/loss-scale.ts';
import { adam } from '../../src/training/optimizer-adam.ts';
import { constantRate } from '../../src/training/schedules.ts';
import {
  lowerCarryState,
  lowerFinishStep,
  lowerGradientNorm,
  trainingState,
} from '../../src/training/step.ts';
import {
  decodeTrainingState,
  encodeTrainingState,
  stepRecordBytes,
  trainingKeys,
} from '../../src/training/step-state.ts';
import { decodeHistory } from '../support/history.ts';
import { assertEqual, type DeviceCase } from './case.ts';
import { assertClose, makeNoise, makeRig, type Rig } from './training-rig.ts';

const FLOATS = 256;
const CAPACITY = 16;

/** Ends of steps with a scaled loss, with Adam and a carried state behind them. Needs no half precision. */
async function makeScaledRig(device: Device, factor: number, clipNorm?: number): Promise<Rig> {
  const bytes = 4 * FLOATS;
  const optimizer = adam({ learningRate: 0.1 });
  const clipping = clipNorm === undefined ? {} : { clipNorm };
  const rig = await makeRig(device, (lowering) => {
    const [gradients, state] = [lowering.shared('gradients', bytes), trainingState(lowering)];
    lowerFinishStep(lowering, {
      loss: lowering.shared('loss', 4),
      parts: lowerGradientNorm(lowering, gradients, 'norm'),
      schedule: constantRate(),
      learningRate: 0.1,
      clipping,
      history: lowering.shared(trainingKeys.history, CAPACITY * stepRecordBytes),
      state,
      lossScale: { view: lowering.shared(lossScaleKey, lossScaleBytes), growthSteps: 3 },
      label: 'finish',
    });
    optimizer.lower(lowering, {
      parameters: lowering.shared('parameters', bytes),
      gradients,
      moments: optimizer.moments.map((name) => lowering.shared(name, bytes)),
      state,
      clipping,
      layout: layOutParameters([]),
      label: 'adam',
    });
    lowerCarryState(lowering, {
      finalState: lowering.shared('final', 256),
      persistent: lowering.shared('carried', 256),
      elements: 64,
      batchCount: 100,
      resetsState: true,
      state,
      label: 'carry',
    });
  });
  rig.write(trainingKeys.state, encodeTrainingState({ seed: 0, step: 0 }));
  rig.write(lossScaleKey, encodeLossScale({ factor, goodSteps: 0 }));
  return rig;
}

/** Runs one step with noise, times the factor, as its gradients; the last of them is replaced where given. */
async function runStep(rig: Rig, loss: number, last?: number): Promise<void> {
  const { factor } = decodeLossScale(await rig.read(lossScaleKey));
  const gradients = makeNoise(FLOATS, 7).map((value) => value * factor);
  if (last !== undefined) gradients[FLOATS - 1] = last;
  rig.write('gradients', gradients);
  rig.write('loss', Float32Array.of(loss));
  rig.executable.run();
}

async function readRig(rig: Rig) {
  const scale = decodeLossScale(await rig.read(lossScaleKey));
  const state = decodeTrainingState(await rig.read(trainingKeys.state));
  const range = { first: 0, end: CAPACITY, origin: 0 };
  return { scale, state, records: decodeHistory(await rig.read(trainingKeys.history), range) };
}

export const cases: readonly DeviceCase[] = [
  {
    name: 'an overflow skips the step and halves the factor, good steps double it',
    async run(device) {
      const rig = await makeScaledRig(device, 1024);
      const factors: number[] = [];
      const skipped: boolean[] = [];
      for (const last of [1, Number.POSITIVE_INFINITY, Number.NaN, 1, 1, 1, 1, 1, 1, 1]) {
        rig.write('final', new Float32Array(64).fill(factors.length + 1));
        const before = await rig.readFloats('parameters');
        await runStep(rig, 2, last === 1 ? undefined : last);
        const { scale, state, records } = await readRig(rig);
        const record = records[factors.length];
        factors.push(scale.factor);
        skipped.push(record?.skipped ?? false);
        assertEqual(state.step, factors.length, 'steps that count');
        assertEqual(record?.loss, 2, 'loss');
        assertEqual(record?.gradientsAreFinite, last === 1, 'finite gradients');
        const after = await rig.readFloats('parameters');
        assertEqual(after.join() === before.join(), last !== 1, 'unchanged parameters');
        assertEqual((await rig.readFloats('carried'))[63], factors.length, 'carried state');
      }
      assertEqual(factors, [1024, 512, 256, 256, 256, 512, 512, 512, 1024, 1024], 'factors');
      assertEqual(
        skipped,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => n === 2 || n === 3),
        'skips',
      );
      assertEqual((await readRig(rig)).state.skippedSteps, 2, 'skipped steps');
      rig.dispose();
    },
  },
  {
    name: 'skipped steps leave Adam where it would be without them, and the factor is divided out',
    async run(device) {
      const results: Float32Array[] = [];
      for (const [factor, overflows] of [
        [1, 0],
        [65_536, 3],
      ] as const) {
        const rig = await makeScaledRig(device, factor, 0.5);
        for (let step = 0; step < overflows; step++) await runStep(rig, 1, Number.NaN);
        for (let step = 0; step < 2; step++) await runStep(rig, 1);
        const { records } = await readRig(rig);
        assertClose(
          records.slice(overflows, overflows + 2).map(({ gradientNorm }) => gradientNorm),
          Array.from({ length: 2 }, () => Math.hypot(...makeNoise(FLOATS, 7))),
          (norm) => 2 ** -20 * norm,
          'norms',
        );
        results.push(await rig.readFloats('parameters'));
        rig.dispose();
      }
      // Powers of two change no bits.
      assertEqual(results[1], results[0] as Float32Array, 'parameters');
    },
  },
  {
    name: 'a loss that is not finite halts, and so does an overflow at the least factor',
    async run(device) {
      for (const [factor, loss] of [
        [1024, Number.NaN],
        [2 ** -14, 1],
      ] as const) {
        const rig = await makeScaledRig(device, factor);
        await runStep(rig, loss, Number.POSITIVE_INFINITY);
        await runStep(rig, 1);
        const { scale, state, records } = await readRig(rig);
        assertEqual([state.halted, state.step, state.skippedSteps], [true, 0, 0], 'halted');
        assertEqual([scale.factor, scale.goodSteps], [factor, 0], 'scale');
        assertEqual(records[0]?.skipped, false, 'skipped');
        assertEqual((await rig.readFloats('parameters'))[0], 0, 'parameters');
        rig.dispose();
      }
    },
  },
  {
    name: 'the factor grows to 2^24 at most',
    async run(device) {
      const rig = await makeScaledRig(device, 2 ** 23);
      for (let step = 0; step < 7; step++) await runStep(rig, 1);
      const { factor, goodSteps } = (await readRig(rig)).scale;
      assertEqual([factor, goodSteps], [2 ** 24, 1], 'scale');
      rig.dispose();
    },
  },
];
