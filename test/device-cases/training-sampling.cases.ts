import type { Device } from '../../src/device/device.ts';
import type { Lowering, PlanLimits } from '../../src/graph/operator.ts';
import {
  encodeSampleState,
  lowerSampleToken,
  parseSampleOptions,
  type SampleOptions,
  sampleStateBytes,
  sampleStream,
} from '../../src/training/sampling.ts';
import { scoreTokens } from '../../src/training/sampling-reference.ts';
import { assertEqual, assertTrue, type DeviceCase } from './case.ts';
import { makeNoise, makeRig } from './training-rig.ts';

/** Draws a sequence from the same logits at every position. */
async function drawSequence(
  device: Device,
  logits: Float32Array,
  prompt: readonly number[],
  options: SampleOptions & { length: number },
  limits: Partial<PlanLimits> = {},
) {
  const size = logits.length;
  const request = parseSampleOptions(prompt, options, { size });
  const total = prompt.length + options.length;
  const stage = (lowering: Lowering) =>
    lowerSampleToken(lowering, {
      logits: lowering.shared('logits', 4 * size),
      tokens: lowering.shared('tokens', 4 * total),
      nextToken: lowering.shared('next', 4),
      state: lowering.shared('sample-state', sampleStateBytes),
      label: 'sample',
    });
  const rig = await makeRig(device, stage, limits);
  rig.write('logits', logits);
  rig.write('tokens', request.prompt);
  rig.write('next', request.prompt.subarray(0, 1));
  rig.write('sample-state', encodeSampleState(request));
  rig.executable.run({ repeats: total - 1 });
  const tokens = new Int32Array((await rig.read('tokens')).buffer);
  const next = new Int32Array((await rig.read('next')).buffer);
  rig.dispose();
  assertEqual([...tokens.subarray(0, prompt.length)], [...prompt], 'the prompt');
  assertEqual(next[0], tokens[total - 1], 'the token to be read next');
  return { tokens, request };
}

/** Holds every token that was drawn against the float64 scores. */
async function checkDraws(
  device: Device,
  logits: Float32Array,
  options: SampleOptions & { length: number },
  limits: Partial<PlanLimits> = {},
): Promise<Int32Array> {
  const prompt = [0, logits.length - 1];
  const { tokens, request } = await drawSequence(device, logits, prompt, options, limits);
  const { temperature, topK, seed } = request;
  for (let position = prompt.length; position < tokens.length; position++) {
    const scores = scoreTokens(logits, { temperature, topK, seed, stream: sampleStream, position });
    const best = scores.reduce((most, score) => Math.max(most, score));
    const token = tokens[position] as number;
    const score = scores[token] ?? Number.NaN;
    // Logits and noise are below 2^5, so their float32 sum is good to a few times 2^-19.
    assertTrue(best - score <= 1e-5, `token ${token} at ${position}: score ${score}, best ${best}`);
  }
  return tokens.subarray(prompt.length);
}

export const cases: readonly DeviceCase[] = [
  {
    name: 'tokens are drawn as the reference draws them, for any vocabulary',
    async run(device) {
      for (const size of [1, 2, 5, 65, 1024, 1025, 3001]) {
        const logits = makeNoise(size, size, 4);
        await checkDraws(device, logits, { length: 20, seed: 7 });
        await checkDraws(device, logits, { length: 20, temperature: 0.5, topK: 5, seed: 8 });
      }
    },
  },
  {
    name: 'a vocabulary of 100,000 is sampled too',
    async run(device) {
      const logits = makeNoise(100_000, 1, 10);
      await checkDraws(device, logits, { length: 3, topK: 50 });
      await checkDraws(device, logits, { length: 3 });
    },
  },
  {
    name: 'temperature 0 takes the largest logit, the lowest of equal ones',
    async run(device) {
      const logits = makeNoise(300, 2).map((value) => value - 3);
      logits[41] = 0;
      logits[250] = 0;
      logits[40] = -1e-30;
      const draw = async () =>
        (await drawSequence(device, logits, [3, 4, 5], { length: 3, temperature: 0 })).tokens;
      assertEqual([...(await draw())], [3, 4, 5, 41, 41, 41], 'tokens');
      logits[30] = -0;
      assertEqual([...(await draw())], [3, 4, 5, 30, 30, 30], 'tokens, −0 equals 0');
    },
  },
  {
    name: 'top-k keeps exactly k tokens, ties by index, with one thread and with many',
    async run(device) {
      const logits = new Float32Array(200).fill(-5);
      for (const index of [10, 20, 30, 40, 50, 60, 150, 199]) logits[index] = 1;
      logits[70] = 2;
      const flat = new Float32Array(200);
      const threads = [{}, { residentLanes: 4 }, { laneWidth: 32, isSoftware: false }];
      for (const limits of threads) {
        const draw = async (from: Float32Array, options: SampleOptions & { length: number }) => {
          const tokens = await checkDraws(device, from, options, limits);
          return [...new Set(tokens)].sort((a, b) => a - b);
        };
        const five = await draw(logits, { length: 300, topK: 5, temperature: 3 });
        assertEqual(five, [10, 20, 30, 40, 70], 'tokens drawn');
        const one = await draw(logits, { length: 5, topK: 1, temperature: 100 });
        assertEqual(one, [70], 'top 1');
        const two = await draw(flat, { length: 100, topK: 2 });
        assertEqual(two, [0, 1], 'top 2 of equal logits');
        await draw(logits, { length: 10, topK: 1000 });
      }
    },
  },
  {
    name: 'equal seeds give equal samples, other seeds others',
    async run(device) {
      const logits = makeNoise(65, 3);
      const first = await checkDraws(device, logits, { length: 50, seed: 1 });
      assertEqual(await checkDraws(device, logits, { length: 50, seed: 1 }), first, 'same seed');
      const other = await checkDraws(device, logits, { length: 50, seed: 2 });
      assertTrue(String(other) !== String(first), 'another seed gives another sample');
    },
  },
  {
    name: 'logits that are not finite still give a token of the vocabulary',
    async run(device) {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const logits = new Float32Array(70).fill(value);
        for (const options of [{}, { temperature: 0 }, { topK: 3 }]) {
          const request = { length: 4, ...options };
          const { tokens } = await drawSequence(device, logits, [1], request);
          assertTrue(
            tokens.every((token) => token >= 0 && token < 70),
            `tokens ${tokens.join(', ')} for logits ${value}`,
          );
        }
      }
    },
  },
];
