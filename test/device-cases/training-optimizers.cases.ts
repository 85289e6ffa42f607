import type { Device } from '../../src/device/device.ts';
import { layOutParameters, type ParameterLayout } from '../../src/schedule/parameter-layout.ts';
import { type Clipping, clipGradients } from '../../src/training/clipping.ts';
import type { Optimizer } from '../../src/training/optimizer.ts';
import { adam, adamw } from '../../src/training/optimizer-adam.ts';
import { rmsprop } from '../../src/training/optimizer-rmsprop.ts';
import { sgd } from '../../src/training/optimizer-sgd.ts';
import { trainingState } from '../../src/training/step.ts';
import { encodeTrainingState, trainingKeys } from '../../src/training/step-state.ts';
import { assertEqual, type DeviceCase } from './case.ts';
import { assertClose, makeNoise, makeRig, type Rig } from './training-rig.ts';

const epsilon = 2 ** -23;
const steps = 6;

function makeOptimizerRig(
  device: Device,
  optimizer: Optimizer,
  layout: ParameterLayout,
  floats: number,
  clipping: Clipping,
): Promise<Rig> {
  return makeRig(device, (lowering) =>
    optimizer.lower(lowering, {
      parameters: lowering.shared('parameters', 4 * floats),
      gradients: lowering.shared('gradients', 4 * floats),
      moments: optimizer.moments.map((name) =>
        lowering.shared(trainingKeys.moment(name), 4 * floats),
      ),
      state: trainingState(lowering),
      clipping,
      layout,
      label: optimizer.name,
    }),
  );
}

/** A single parameter of so many floats, however they are aligned. */
function oneParameter(floats: number): ParameterLayout {
  return layOutParameters([nameParameter('weights', floats)]);
}

function nameParameter(name: string, size: number) {
  return { name, shape: [size], initialize: () => new Float32Array(size) };
}

/**
 * Runs some steps beside the float64 update, from the same parameters and gradients.
 *
 * @param first - Number of the first step, counted from 1.
 */
async function checkOptimizer(
  device: Device,
  optimizer: Optimizer,
  {
    clipping = {},
    first = 1,
    floats = 4 * 67,
    layout = oneParameter(floats),
  }: { clipping?: Clipping; first?: number; floats?: number; layout?: ParameterLayout },
): Promise<void> {
  const rig = await makeOptimizerRig(device, optimizer, layout, floats, clipping);
  const slots = [...layout.slots];
  // Between parameters all is zero.
  const draw = (seed: number, scale: number) => {
    const noise = makeNoise(floats, seed, scale);
    const isUsed = (at: number) =>
      slots.some(([, { offsetFloats, size }]) => at >= offsetFloats && at < offsetFloats + size);
    return layout.slots.size > 1 ? noise.map((value, at) => (isUsed(at) ? value : 0)) : noise;
  };
  const start = draw(1, 2);
  const parameters = Float64Array.from(start);
  const moments = optimizer.moments.map(() => new Float64Array(floats));
  rig.write('parameters', start);
  let largestMove = 0;
  for (let index = 0; index < steps; index++) {
    const given = draw(10 + index, 1).map((value, at) => value * 10 ** -(at % 5));
    const gradients = Float64Array.from(given);
    const norm = clipGradients([gradients], clipping);
    const gradientScale =
      clipping.clipNorm === undefined ? 1 : Math.min(1, clipping.clipNorm / (norm + 1e-6));
    const position = {
      step: first + index,
      learningRate: optimizer.learningRate * (1 - index / 8),
    };
    const before = parameters.slice();
    for (const [parameter, { offsetFloats, size }] of slots) {
      const cut = (values: Float64Array) => values.subarray(offsetFloats, offsetFloats + size);
      optimizer.update(cut(parameters), cut(gradients), moments.map(cut), {
        ...position,
        parameter,
      });
    }
    for (const [at, value] of parameters.entries()) {
      largestMove = Math.max(largestMove, Math.abs(value - (before[at] as number)));
    }
    rig.write('gradients', given);
    rig.write(trainingKeys.state, encodeTrainingState({ seed: 0, gradientScale, ...position }));
    rig.executable.run();
  }
  // A step rounds the parameter once and its change a dozen times.
  const bound = (value: number) => steps * epsilon * (Math.abs(value) + 8 * largestMove);
  assertClose(await rig.readFloats('parameters'), parameters, bound, 'parameters');
  for (const [index, name] of optimizer.moments.entries()) {
    const expected = moments[index] as Float64Array;
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const got = await rig.readFloats(trainingKeys.moment(name));
    assertClose(
      got,
      expected,
      (value) => 2 * steps * epsilon * (Math.abs(value) + largest / 8),
      name,
    );
  }
  rig.dispose();
}

const variants: readonly Optimizer[] = [
  sgd({ learningRate: 0.1 }),
  sgd({ learningRate: 0.1, momentum: 0.9, dampening: 0.25, weightDecay: 0.1 }),
  sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  adam({ learningRate: 0.05 }),
  adam({ learningRate: 0.05, betas: [0, 0.5], epsilon: 1e-4, weightDecay: 0.1 }),
  adam({ learningRate: 0.05, betas: [0.99, 0.99999] }),
  adamw({ learningRate: 0.05, weightDecay: 0.2 }),
  rmsprop({ learningRate: 0.02 }),
  rmsprop({ learningRate: 0.02, alpha: 0.8, momentum: 0.9, weightDecay: 0.1 }),
  rmsprop({ learningRate: 0.02, centered: true }),
  rmsprop({ learningRate: 0.02, alpha: 0.7, momentum: 0.5, centered: true, epsilon: 1e-5 }),
];

export const cases: readonly DeviceCase[] = [
  ...variants.map(
    (optimizer): DeviceCase => ({
      name: `${optimizer.name} ${JSON.stringify(optimizer.options)} updates as its reference`,
      run: (device) => checkOptimizer(device, optimizer, {}),
    }),
  ),
  {
    name: 'parameter groups have weight decays and rates of their own',
    async run(device) {
      const layout = layOutParameters(
        Object.entries({ 'a.weight': 65, 'a.bias': 7, 'b.weight': 64, 'b.bias': 3 }).map((entry) =>
          nameParameter(...entry),
        ),
      );
      const parameterGroups = [
        { match: 'bias', weightDecay: 0, learningRateScale: 0.5 },
        { match: /^b\./, learningRateScale: 3 },
      ];
      const options = { learningRate: 0.05, weightDecay: 0.2, parameterGroups };
      const floats = layout.totalFloats;
      for (const make of [sgd, adam, adamw, rmsprop]) {
        await checkOptimizer(device, make(options), { floats, layout });
      }
    },
  },
  {
    name: 'gradients are clipped on their way into every optimizer',
    async run(device) {
      for (const optimizer of [sgd({ learningRate: 0.1 }), adam(), rmsprop()]) {
        await checkOptimizer(device, optimizer, { clipping: { clipNorm: 0.5 } });
        await checkOptimizer(device, optimizer, { clipping: { clipValue: 0.03 } });
      }
    },
  },
  {
    name: 'bias correction holds late in a training',
    async run(device) {
      for (const first of [40, 600, 100_000, 4_000_000]) {
        await checkOptimizer(device, adamw({ learningRate: 0.01 }), { first });
      }
    },
  },
  {
    name: 'buffers of one vector and of more than the grid are updated whole',
    async run(device) {
      await checkOptimizer(device, sgd({ learningRate: 0.1, momentum: 0.5 }), { floats: 4 });
      await checkOptimizer(device, sgd(), { floats: 4 * (64 * 4096 + 3) });
      // Several turns a thread on software adapters, the last of them not for all.
      for (const make of [sgd, adam, rmsprop]) {
        await checkOptimizer(device, make(), { floats: 4 * (3 * 64 * 32 + 5) });
      }
    },
  },
  {
    name: 'a halted training updates nothing',
    async run(device) {
      for (const optimizer of [sgd({ momentum: 0.9 }), adamw(), rmsprop({ centered: true })]) {
        const rig = await makeOptimizerRig(device, optimizer, oneParameter(64), 64, {});
        const start = makeNoise(64, 4);
        rig.write('parameters', start);
        rig.write('gradients', new Float32Array(64).fill(Number.NaN));
        const state = { seed: 0, step: 3, halted: true, learningRate: 1 };
        rig.write(trainingKeys.state, encodeTrainingState(state));
        rig.executable.run({ repeats: 2 });
        assertEqual(await rig.readFloats('parameters'), start, 'parameters');
        for (const name of optimizer.moments) {
          assertEqual(await rig.readFloats(trainingKeys.moment(name)), new Float32Array(64), name);
        }
        rig.dispose();
      }
    },
  },
];
