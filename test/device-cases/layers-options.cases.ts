import type { Device } from '../../src/device/device.ts';
import type { PlanStrategy } from '../../src/graph/operator.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import { oneHot } from '../../src/layers/basic.ts';
import { type Model, model, sequential } from '../../src/layers/model.ts';
import { gru, lstm, rnn } from '../../src/layers/recurrent.ts';
import { multiply } from '../../src/ops/binary.ts';
import { detach } from '../../src/ops/detach.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { sum } from '../../src/ops/reduce.ts';
import { square } from '../../src/ops/unary.ts';
import type { Plan } from '../../src/schedule/plan.ts';
import { assertEqual, assertTrue, type DeviceCase } from './case.ts';
import { compareCore } from './core-rig.ts';
import { makeNoise } from './training-rig.ts';

const [STEPS, BATCH, SIZE] = [5, 3, 6];
const walks = ['persistent', 'stepwise'] as const;

/** Output and all gradients of a model as in training, against the reference. Returns the last plan. */
async function check(
  device: Device,
  build: () => Model,
  strategies: readonly PlanStrategy[] = walks,
): Promise<Plan> {
  let plan: Plan | undefined;
  for (const strategy of strategies) {
    const types = {
      input: { shape: [STEPS, BATCH, SIZE], dtype: 'f32' },
      tokens: { shape: [STEPS, BATCH], dtype: 'i32' },
    } as const;
    const traced = build().trace(types, { mode: 'training' });
    const { output } = traced.outputs as { output: SymbolicTensor };
    const names = [...traced.parameters.keys()];
    const found = differentiate(
      sum(square(output)),
      [...traced.parameters.values()].map(({ tensor }) => tensor),
    );
    const entries = names.flatMap((name, index): [string, SymbolicTensor][] => {
      const gradient = found[index];
      return gradient ? [[name, gradient]] : [];
    });
    const result = await compareCore(
      device,
      { output },
      {
        kind: 'layer options',
        inputs: {
          input: makeNoise(STEPS * BATCH * SIZE, 4),
          tokens: Int32Array.from({ length: STEPS * BATCH }, (_, at) => (at * at) % SIZE),
        },
        gradients: new Map(entries),
        strategy,
        steps: STEPS,
        fanIn: 24,
      },
    );
    plan = result.plan;
  }
  return plan as Plan;
}

const of = (define: (x: SymbolicTensor) => SymbolicTensor) => () =>
  model(({ input }) => define(input as SymbolicTensor));

const merged = (merge: 'sum' | 'mean' | 'multiply') => () =>
  sequential([rnn(3, { layers: 2, direction: 'bidirectional', merge })]);

const residual = () => sequential([rnn(6, { layers: 3, residual: true, dropout: 0.3 })]);

function detached(): Model {
  const [encoder, decoder] = [rnn(5), rnn(5)];
  return of((x) => {
    const { h } = encoder.run(x).state;
    return decoder.run(x, { h: detach(h as SymbolicTensor) }).output;
  })();
}

const both = { layers: 2, direction: 'bidirectional' } as const;
const droppedInputs = () => sequential([rnn(5, { ...both, inputDropout: 0.4 })]);
const droppedWeights = () => sequential([lstm(5, { ...both, weightDropout: 0.5 })]);

export const cases: readonly DeviceCase[] = [
  {
    name: 'both directions summed, averaged, multiplied and apart',
    async run(device) {
      const plan = await check(device, merged('sum'), ['persistent']);
      const recurrences = plan.launches.filter(({ kernel }) => kernel === 'recurrence-forward');
      assertEqual(recurrences.length, 2, 'dispatches of forward recurrences');
      await check(device, merged('mean'), ['stepwise']);
      await check(device, merged('multiply'), ['persistent']);
      const layer = rnn(5, { direction: 'bidirectional', merge: 'separate' });
      const apart = of((x) => {
        const [forward, reverse] = layer.run(x).outputs as [SymbolicTensor, SymbolicTensor];
        return multiply(forward, reverse);
      });
      await check(device, apart, ['persistent']);
    },
  },
  {
    name: 'residual connections between layers, dropout beside them',
    async run(device) {
      await check(device, residual);
    },
  },
  {
    name: 'a state that is detached between two layers',
    async run(device) {
      await check(device, detached, ['persistent']);
    },
  },
  {
    name: 'dropout of inputs with one mask per sequence',
    async run(device) {
      const inputDropout = 0.4;
      await check(device, droppedInputs);
      const stack = () => sequential([rnn(5, { layers: 3, inputDropout, dropout: 0.2 })]);
      const plan = await check(device, stack, ['wavefront']);
      const dropouts = plan.launches.filter(({ kernel }) => kernel === 'dropout');
      assertTrue(dropouts.length > 4, `${dropouts.length} launches of dropout`);
      const encode = oneHot(SIZE);
      const fromTokens = () => {
        const layer = rnn(5, { inputDropout });
        return model(({ tokens }) => layer(encode(tokens as SymbolicTensor)));
      };
      await check(device, fromTokens, ['persistent']);
    },
  },
  {
    name: 'dropout of recurrent weights, one matrix per step',
    async run(device) {
      const weightDropout = 0.5;
      await check(device, droppedWeights);
      await check(device, () => sequential([rnn(5, { layers: 3, weightDropout })]), ['wavefront']);
      const phases = () => sequential([gru(7, { reset: 'before', weightDropout })]);
      await check(device, phases, ['persistent', 'stepwise']);
    },
  },
  {
    name: 'one workgroup runs the whole plan of each',
    // Kernels of up to 350 KB: minutes in all runtimes.
    full: true,
    async run(device) {
      for (const build of [merged('multiply'), residual, detached, droppedInputs, droppedWeights]) {
        await check(device, build, ['resident']);
      }
    },
  },
];
