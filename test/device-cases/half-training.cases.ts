import {
  adam,
  dropout,
  embedding,
  gru,
  linear,
  lstm,
  Network,
  NonFiniteError,
  oneHot,
  readCheckpoint,
  readSafetensors,
  sequential,
  sgd,
  type TrainerOptions,
  textStream,
} from '../../src/index.ts';
import { assertEqual, assertTrue, type DeviceCase } from './case.ts';
import { checkpointAfter, trainFresh, trainOn, withTrainer } from './trainer-rig.ts';

const needs = 'shader-f16';
const text =
  'the rain in spain stays mainly in the plain; in hartford, hereford and hampshire '.repeat(9);
const [BATCH, STEPS] = [5, 12];

/** A character model of two layers with dropout and carried states; f16 unless changed. */
function characterModel(
  device: TrainerOptions['device'],
  changes: Partial<TrainerOptions> = {},
): TrainerOptions {
  const data = textStream(text, { batch: BATCH, steps: STEPS });
  const size = data.vocabulary?.size as number;
  return {
    device,
    data,
    model: sequential([oneHot(size), lstm(24), dropout(0.1), gru(17), linear(size)]),
    optimizer: adam({ learningRate: 0.01 }),
    clipNorm: 1,
    stateful: true,
    precision: 'f16',
    ...changes,
  };
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export const cases: readonly DeviceCase[] = [
  {
    name: 'training in f16 follows the losses of f32, and both learn',
    full: true,
    needs,
    async run(device) {
      const losses: number[][] = [];
      for (const precision of ['f32', 'f16'] as const) {
        const progress = await trainFresh(characterModel(device, { precision }), { steps: 150 });
        assertEqual(progress.filter(({ skipped }) => skipped).length, 0, 'skipped steps');
        losses.push(progress.map(({ loss }) => loss));
      }
      const [wide, half] = losses as [number[], number[]];
      const apart = half.map((loss, index) => Math.abs(loss - (wide[index] as number)));
      if (typeof process !== 'undefined' && process.env?.GATEFOLD_NUMERICS) {
        const ends = [wide, half].map((all) => mean(all.slice(-10)).toFixed(4));
        console.log(`numerics\tf16 training\tfirst ${wide[0]} ${half[0]}, last ten ${ends}`);
        console.log(`numerics\tf16 training\tlargest difference ${Math.max(...apart)}`);
      }
      // The first loss has seen no update: what is stored as f16 is all that differs.
      assertTrue(
        (apart[0] as number) < 2 ** -10 * (wide[0] as number),
        `first losses: ${apart[0]}`,
      );
      assertTrue(Math.max(...apart) < 0.02, `losses differ by ${Math.max(...apart)}`);
      const [wideEnd, halfEnd] = [mean(wide.slice(-10)), mean(half.slice(-10))];
      assertTrue(wideEnd < 0.6 * (wide[0] as number), `f32 ends at ${wideEnd} of ${wide[0]}`);
      assertTrue(Math.abs(halfEnd - wideEnd) < 0.03 * wideEnd, `f16 ${halfEnd}, f32 ${wideEnd}`);
    },
  },
  {
    name: 'gradients that overflow f16 skip steps until the factor fits, then training goes on',
    needs,
    async run(device) {
      const options = characterModel(device, { lossScale: { initial: 2 ** 24 } });
      const fresh = await checkpointAfter(options, { steps: 1 });
      const untrained = await withTrainer(options, (trainer) => trainer.checkpoint());
      const { step, skippedSteps, lossScale } = readCheckpoint(fresh);
      assertEqual([step, skippedSteps, lossScale?.factor], [1, 1, 2 ** 23], 'after an overflow');
      for (const name of ['lstm.weight_hh_l0', 'optimizer/mean/lstm.weight_hh_l0']) {
        const [before, after] = [untrained, fresh].map((bytes) =>
          readSafetensors(bytes).tensors.get(name),
        );
        assertEqual<unknown>(after?.data, before?.data, `${name} of a skipped step`);
      }
      const progress = await trainFresh(options, { steps: 60, stepsPerSubmit: 30 });
      const skipped = progress.filter((record) => record.skipped);
      assertTrue(skipped.length > 1 && skipped.length < 12, `${skipped.length} skipped steps`);
      for (const { gradientNorm, loss } of skipped) {
        assertEqual(
          [gradientNorm, Number.isFinite(loss)],
          [Number.POSITIVE_INFINITY, true],
          'skip',
        );
      }
      assertEqual(progress.at(-1)?.step, 60, 'steps');
      const ends = [progress[0]?.loss as number, progress.at(-1)?.loss as number] as const;
      assertTrue(ends[1] < 0.85 * ends[0], `loss goes from ${ends[0]} to ${ends[1]}`);
    },
  },
  {
    name: 'a checkpoint of f16 resumes to the last byte, between overflows and growth',
    needs,
    async run(device) {
      const options = characterModel(device, { lossScale: { initial: 2 ** 24, growthSteps: 4 } });
      const whole = await checkpointAfter(options, { steps: 24 });
      for (const steps of [2, 13]) {
        const checkpoint = await checkpointAfter(options, { steps });
        const rest = { ...options, checkpoint };
        const resumed = await checkpointAfter(rest, { steps: 24 - steps, stepsPerSubmit: 5 });
        assertEqual(resumed, whole, `resumed after ${steps}`);
      }
      const { skippedSteps = 0 } = readCheckpoint(whole);
      assertTrue(skippedSteps > 1, `${skippedSteps} skipped steps`);
    },
  },
  {
    name: 'a loss that is not finite halts f16 training too, and the tensor is named',
    needs,
    async run(device) {
      const options = characterModel(device, {
        optimizer: sgd({ learningRate: 1e38 }),
        clipNorm: 9,
      });
      const error = await trainFresh(options, { steps: 9 }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assertTrue(error instanceof NonFiniteError, String(error));
      const found = /^step \d+: the loss is .* tensor is '[^']+' at \[[\d, ]+\]: /.test(
        error.message,
      );
      assertTrue(found, error.message);
    },
  },
  {
    name: 'real steps in f16 are validated against the reference, and the self-test passes',
    needs,
    async run(device) {
      const size = 20;
      const data = textStream(text, { batch: BATCH, steps: STEPS });
      const vocabulary = data.vocabulary?.size ?? size;
      const model = sequential([embedding(vocabulary, 9), lstm(16), linear(vocabulary)]);
      const options = characterModel(device, { model, validate: { every: 4 }, selfTest: true });
      await withTrainer(options, async (trainer) => {
        assertEqual((await trainOn(trainer, { steps: 9 })).length, 9, 'steps');
      });
    },
  },
  {
    name: 'evaluation, forward and sampling use f16 and agree with f32',
    full: true,
    needs,
    async run(device) {
      const checkpoint = await checkpointAfter(characterModel(device), { steps: 40 });
      const inputs = {
        input: { data: Int32Array.from({ length: 20 }, (_, i) => i % 7), shape: [5, 4] },
      };
      const outputs: Float32Array[] = [];
      for (const precision of ['f32', 'f16'] as const) {
        const network = await Network.load({ device, checkpoint, precision });
        const { output } = await network.forward(inputs);
        outputs.push(output?.data as Float32Array);
        const sample = await network.sample('the ', { length: 30, temperature: 0 });
        assertEqual(sample.length, 30, 'length of a sample');
        await network.dispose();
      }
      const [wide, half] = outputs as [Float32Array, Float32Array];
      const largest = Math.max(...wide.map(Math.abs));
      const apart = Math.max(
        ...half.map((value, index) => Math.abs(value - (wide[index] as number))),
      );
      assertTrue(apart > 0 && apart < 2 ** -8 * largest, `logits differ by ${apart} of ${largest}`);
      const losses = await Promise.all(
        (['f32', 'f16'] as const).map((precision) =>
          withTrainer(characterModel(device, { precision, checkpoint }), (trainer) =>
            trainer.evaluate({ data: textStream(text, { batch: BATCH, steps: STEPS }) }),
          ),
        ),
      );
      const [a, b] = losses as [number, number];
      assertTrue(Math.abs(a - b) < 2 ** -9 * a, `evaluations ${a} and ${b}`);
    },
  },
];
