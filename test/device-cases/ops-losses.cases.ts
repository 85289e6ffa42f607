import { input } from '../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import { multiply } from '../../src/ops/binary.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { meanSquaredError } from '../../src/ops/mean-squared-error.ts';
import { sum } from '../../src/ops/reduce.ts';
import { logSoftmax, softmax } from '../../src/ops/softmax.ts';
import { softmaxCrossEntropy } from '../../src/ops/softmax-cross-entropy.ts';
import { scale } from '../../src/ops/unary.ts';
import { assertEqual, assertTrue, casesOf, type DeviceCase } from './case.ts';
import { compareGraph, runGraph } from './graph-rig.ts';
import { makeNoise } from './training-rig.ts';

/** WGSL's exp of an argument up to 20 is off by as many units in the last place. */
const bound = (expected: number) => 32 * 2 ** -23 * Math.max(1, Math.abs(expected));

/** Both row mappings: a narrow adapter gets a thread per row, a wide one a workgroup per long row. */
const laneWidths = [4, 32];
const rowShapes = {
  quick: [
    [65, 3],
    [7, 257],
  ],
  full: [
    [1, 1],
    [3, 32],
    [5, 33],
    [130, 64],
  ],
} satisfies Record<string, [rows: number, width: number][]>;

function makeTargets(rows: number, classes: number, ignoreIndex: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, row) =>
    row % 5 === 3 ? ignoreIndex : (row * 7) % classes,
  );
}

export const cases: readonly DeviceCase[] = [
  ...casesOf(
    'softmax and its logarithm, forward and backward, in both row mappings',
    rowShapes,
    async (device, [rows, width]) => {
      for (const laneWidth of laneWidths) {
        for (const apply of [softmax, logSoftmax]) {
          const x = input('x', [rows, width]);
          const y = apply(x);
          const [dX] = differentiate(sum(multiply(y, input('weights', y.shape))), [x]);
          const inputs = { x: makeNoise(y.size, 1, 8), weights: makeNoise(y.size, 2) };
          const outputs = { y, d_x: dX as SymbolicTensor };
          await compareGraph(device, outputs, { inputs, laneWidth }, bound);
        }
      }
    },
  ),
  ...casesOf(
    'cross-entropy and its gradient, in both row mappings',
    rowShapes,
    async (device, [rows, width]) => {
      for (const laneWidth of laneWidths) {
        const ignoreIndex = rows % 2 === 0 ? -100 : width - 1;
        const logits = input('logits', [rows, width]);
        const targets = input('targets', [rows], 'i32');
        const loss = scale(softmaxCrossEntropy(logits, targets, { ignoreIndex }), 3);
        const [dLogits] = differentiate(loss, [logits]);
        const inputs = {
          logits: makeNoise(rows * width, 1, 8),
          targets: makeTargets(rows, width, ignoreIndex),
        };
        const outputs = { loss, d_logits: dLogits as SymbolicTensor };
        await compareGraph(device, outputs, { inputs, laneWidth }, bound);
      }
    },
  ),
  {
    name: 'cross-entropy takes two dispatches, its gradient one',
    async run(device) {
      const logits = input('logits', [4, 2, 9]);
      const targets = input('targets', [4, 2], 'i32');
      const loss = softmaxCrossEntropy(logits, targets);
      const [dLogits] = differentiate(loss, [logits]) as [SymbolicTensor];
      const inputs = { logits: makeNoise(72, 1), targets: new Int32Array(8) };
      assertEqual((await runGraph(device, { loss }, { inputs })).dispatches, 2, 'forward');
      assertEqual((await runGraph(device, { loss, dLogits }, { inputs })).dispatches, 3, 'both');
    },
  },
  {
    name: 'cross-entropy stays finite for large logits and is 0 where all rows are ignored',
    async run(device) {
      const logits = input('logits', [2, 40]);
      const targets = input('targets', [2], 'i32');
      const loss = softmaxCrossEntropy(logits, targets);
      const [dLogits] = differentiate(loss, [logits]) as [SymbolicTensor];
      const values = new Float32Array(80).fill(-3e4);
      values[0] = 3e4;
      values[79] = 1e5;
      for (const laneWidth of laneWidths) {
        const large = { logits: values, targets: Int32Array.of(0, 39) };
        const ignored = { logits: values, targets: Int32Array.of(-100, -100) };
        for (const inputs of [large, ignored]) {
          const outputs = { loss, dLogits };
          const result = await compareGraph(device, outputs, { inputs, laneWidth }, bound);
          assertEqual(result.outputs.loss?.[0], 0, 'loss');
        }
      }
    },
  },
  {
    name: 'a target outside the classes makes the loss not a number',
    async run(device) {
      const logits = input('logits', [3, 40]);
      const targets = input('targets', [3], 'i32');
      const loss = softmaxCrossEntropy(logits, targets);
      for (const laneWidth of laneWidths) {
        for (const wrong of [40, -1, 2 ** 31 - 1, -(2 ** 31)]) {
          const inputs = { logits: makeNoise(120, 1), targets: Int32Array.of(0, wrong, 2) };
          const { outputs } = await runGraph(device, { loss }, { inputs, laneWidth });
          assertTrue(Number.isNaN(outputs.loss?.[0]), `loss for ${wrong} is ${outputs.loss?.[0]}`);
        }
      }
    },
  },
  {
    name: 'a logit that is not finite makes the loss not finite',
    async run(device) {
      const logits = input('logits', [2, 3]);
      const targets = input('targets', [2], 'i32');
      const loss = softmaxCrossEntropy(logits, targets);
      for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const inputs = {
          logits: Float32Array.of(0, wrong, 0, 0, 0, 0),
          targets: Int32Array.of(0, 1),
        };
        const { outputs } = await runGraph(device, { loss }, { inputs });
        const value = outputs.loss?.[0] as number;
        assertTrue(!Number.isFinite(value), `loss for ${wrong} is ${value}`);
      }
    },
  },
  {
    name: 'mean squared error and its gradients, small and in two stages',
    async run(device) {
      for (const size of [1, 301, 9001]) {
        const [a, b] = [input('a', [size]), input('b', [size])];
        const loss = scale(meanSquaredError(a, b), 2);
        const [dA, dB] = differentiate(loss, [a, b]) as [SymbolicTensor, SymbolicTensor];
        const inputs = { a: makeNoise(size, 1), b: makeNoise(size, 2) };
        await compareGraph(device, { loss, d_a: dA, d_b: dB }, { inputs }, bound);
      }
    },
  },
];
