import { input } from '../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import { add, divide, multiply, subtract } from '../../src/ops/binary.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { dropout } from '../../src/ops/dropout.ts';
import { sum } from '../../src/ops/reduce.ts';
import { exp, log, negate, relu, scale, sigmoid, square, tanh } from '../../src/ops/unary.ts';
import { assertEqual, assertTrue, type DeviceCase } from './case.ts';
import { compareGraph, runGraph } from './graph-rig.ts';
import { makeNoise } from './training-rig.ts';

/** A few operations in float32: eight units in the last place of a number around 1, or of a larger one. */
const bound = (expected: number) => 8 * 2 ** -23 * Math.max(1, Math.abs(expected));

/** The tensor and the gradients of Σ weights·tensor with respect to `targets`. */
function withGradients(
  y: SymbolicTensor,
  targets: Readonly<Record<string, SymbolicTensor>>,
): Record<string, SymbolicTensor> {
  const loss = sum(multiply(y, input('weights', y.shape)));
  const gradients = differentiate(loss, Object.values(targets));
  const outputs: Record<string, SymbolicTensor> = { y };
  for (const [index, name] of Object.keys(targets).entries()) {
    outputs[`d_${name}`] = gradients[index] as SymbolicTensor;
  }
  return outputs;
}

const unaries = {
  tanh,
  sigmoid,
  relu,
  negate,
  square,
  exp,
  scale: (x: SymbolicTensor) => scale(x, 0.3),
};
const binaries = { add, subtract, multiply, divide };
const sizes = [1, 255, 1031];

export const cases: readonly DeviceCase[] = [
  ...Object.entries(unaries).map(
    ([name, apply]) =>
      ({
        name: `${name} and its gradient`,
        run: async (device) => {
          for (const size of sizes) {
            const x = input('x', [size]);
            const inputs = { x: makeNoise(size, 1, 4), weights: makeNoise(size, 2) };
            await compareGraph(device, withGradients(apply(x), { x }), { inputs }, bound);
          }
        },
      }) satisfies DeviceCase,
  ),
  ...Object.entries(binaries).map(
    ([name, apply]) =>
      ({
        name: `${name} and its gradients, the right operand whole, repeated and a scalar`,
        run: async (device) => {
          for (const shape of [[3, 5, 17], [5, 17], [17], []]) {
            const [a, b] = [input('a', [3, 5, 17]), input('b', shape)];
            const inputs = {
              a: makeNoise(255, 1),
              b: makeNoise(b.size, 2).map((value) => 1.5 + value),
              weights: makeNoise(255, 3),
            };
            // A gradient of b is a sum of up to 255 products.
            await compareGraph(
              device,
              withGradients(apply(a, b), { a, b }),
              { inputs },
              (expected) => 16 * bound(expected),
            );
          }
        },
      }) satisfies DeviceCase,
  ),
  {
    name: 'log and its gradient',
    async run(device) {
      const x = input('x', [301]);
      const inputs = {
        x: makeNoise(301, 1).map((value) => 2.001 + 2 * value),
        weights: makeNoise(301, 2),
      };
      await compareGraph(
        device,
        withGradients(log(x), { x }),
        { inputs },
        (expected) => 4 * bound(expected),
      );
    },
  },
  {
    name: 'activations stay finite and exact at small and large arguments',
    async run(device) {
      const x = input('x', [6]);
      const values = Float32Array.of(-1e30, -200, -1e-20, 1e-20, 200, 1e30);
      const { outputs } = await runGraph(
        device,
        { tanh: tanh(x), sigmoid: sigmoid(x) },
        { inputs: { x: values } },
      );
      const [t, s] = [outputs.tanh as Float32Array, outputs.sigmoid as Float32Array];
      assertEqual([t[0], t[1], t[4], t[5]], [-1, -1, 1, 1], 'tanh');
      assertTrue(Math.abs((t[3] as number) / 1e-20 - 1) < 1e-6, `tanh(1e-20) is ${t[3]}`);
      assertEqual([s[4], s[5]], [1, 1], 'sigmoid');
      for (const near of [s[2], s[3]]) {
        // One ulp is left to drivers: some have an exp(0) just below 1.
        assertTrue(Math.abs((near as number) - 0.5) <= 2 ** -24, `sigmoid near 0 is ${near}`);
      }
      assertTrue((s[0] as number) >= 0 && (s[1] as number) < 1e-30, `sigmoid is ${s[0]}, ${s[1]}`);
    },
  },
  {
    name: 'dropout draws the mask of the reference, forward and backward',
    async run(device) {
      for (const [size, rate, step] of [
        [1, 0.5, 0],
        [1027, 0.1, 3],
        [1027, 0.75, 4],
      ] as const) {
        const x = input('x', [size]);
        const y = dropout(x, { rate, stream: 0x9abc_def0 });
        const inputs = { x: makeNoise(size, 1), weights: makeNoise(size, 2) };
        const run = { inputs, seed: 0xfedc_ba98, step };
        const { outputs } = await compareGraph(device, withGradients(y, { x }), run, bound);
        const masks = [outputs.y, outputs.d_x].map((values) =>
          Array.from(values as Float32Array, (value) => value !== 0),
        );
        assertEqual(masks[1], masks[0], 'mask of the gradient');
      }
    },
  },
  {
    name: 'dropout with one mask per sequence, any number of steps and any width',
    async run(device) {
      for (const [steps, width] of [
        [3, 1],
        [8, 4],
        [70, 257],
      ] as const) {
        const x = input('x', [steps, width]);
        const y = dropout(x, { rate: 0.4, stream: 7, perSequence: true });
        const inputs = { x: makeNoise(steps * width, 1), weights: makeNoise(steps * width, 2) };
        const run = { inputs, seed: 0xfedc_ba98, step: 3 };
        await compareGraph(device, withGradients(y, { x }), run, bound);
      }
    },
  },
  {
    name: 'dropout of rate 0 takes no dispatch',
    async run(device) {
      const x = input('x', [5]);
      const y = dropout(x, { rate: 0, stream: 1 });
      const inputs = { x: Float32Array.of(1, 2, 3, 4, 5) };
      const { outputs, dispatches } = await runGraph(device, { y }, { inputs });
      assertEqual(outputs.y, inputs.x, 'y');
      assertEqual(dispatches, 0, 'dispatches');
    },
  },
];
