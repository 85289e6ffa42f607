import type { PlanStrategy } from '../../src/graph/operator.ts';
import { input } from '../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import { layerNorm } from '../../src/layers/layer-norm.ts';
import { sequential } from '../../src/layers/model.ts';
import { lstm } from '../../src/layers/recurrent.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { layerNorm as normalize } from '../../src/ops/layer-norm.ts';
import { sum } from '../../src/ops/reduce.ts';
import { square } from '../../src/ops/unary.ts';
import { assertTrue, casesOf, type DeviceCase } from './case.ts';
import { compareCore } from './core-rig.ts';
import { compareGraph } from './graph-rig.ts';
import { makeNoise } from './training-rig.ts';

/** Output and gradients of a layer norm, with the gradient of the output as an input. */
function build(rows: number, width: number, hasWeight: boolean, hasBias: boolean) {
  const x = input('x', [rows, width]);
  const weight = hasWeight ? input('weight', [width]) : undefined;
  const bias = hasBias ? input('bias', [width]) : undefined;
  const y = normalize(x, { weight, bias });
  const targets = { x, ...(weight && { weight }), ...(bias && { bias }) };
  const gradients = differentiate(y, Object.values(targets), input('dy', [rows, width]));
  const named = Object.keys(targets).map((name, at) => [`d_${name}`, gradients[at]] as const);
  return { y, ...Object.fromEntries(named) } as Record<string, SymbolicTensor>;
}

const draw = (rows: number, width: number, mean = 0) => ({
  x: makeNoise(rows * width, 1).map((value) => value + mean),
  weight: makeNoise(width, 2),
  bias: makeNoise(width, 3),
  dy: makeNoise(rows * width, 4),
});

export const cases: readonly DeviceCase[] = [
  ...casesOf(
    'forward and backward of any width, on few lanes and on many',
    {
      quick: [
        { rows: 3, width: 5, hasWeight: true, hasBias: false },
        { rows: 70, width: 33, hasWeight: true, hasBias: true },
      ],
      full: [
        { rows: 1, width: 1, hasWeight: true, hasBias: true },
        { rows: 9, width: 64, hasWeight: false, hasBias: true },
        { rows: 130, width: 129, hasWeight: false, hasBias: false },
        { rows: 2, width: 1000, hasWeight: true, hasBias: true },
      ],
    },
    async (device, { rows, width, hasWeight, hasBias }) => {
      // A sum of `width` terms, some of them added up over the rows; short rows divide by a small deviation.
      const bound = (expected: number) =>
        2 ** -23 * (8 + Math.sqrt(width) + Math.sqrt(rows)) * (4 + Math.abs(expected));
      for (const laneWidth of [4, 32]) {
        const run = { inputs: draw(rows, width), laneWidth };
        await compareGraph(device, build(rows, width, hasWeight, hasBias), run, bound);
      }
    },
  ),
  {
    name: 'rows far from zero keep their digits',
    async run(device) {
      const inputs = draw(4, 96, 100);
      // Float32 inputs near 100 are 2^-17 apart, and so are differences to the mean.
      const bound = (expected: number) => 2 ** -15 * (4 + Math.abs(expected));
      const { outputs } = await compareGraph(device, build(4, 96, true, true), { inputs }, bound);
      assertTrue(outputs.y?.every(Number.isFinite) ?? false, 'y is finite');
    },
  },
  ...casesOf<PlanStrategy>(
    'a layer behind and in front of recurrent layers, parameters included',
    { quick: ['persistent', 'stepwise'], full: ['resident'] },
    async (device, strategy) => {
      const network = sequential([layerNorm(), lstm(7), layerNorm({ bias: false })]);
      const traced = network.trace({ input: { shape: [5, 3, 6], dtype: 'f32' } });
      const { output } = traced.outputs as { output: SymbolicTensor };
      const names = [...traced.parameters.keys()];
      const found = differentiate(
        sum(square(output)),
        [...traced.parameters.values()].map(({ tensor }) => tensor),
      );
      const gradients = new Map(
        names.map((name, at) => [name, found[at] as SymbolicTensor] as const),
      );
      const inputs = { input: makeNoise(5 * 3 * 6, 4) };
      const run = { kind: 'layer norm', inputs, gradients, strategy, steps: 5, fanIn: 24 };
      await compareCore(device, { output }, run);
    },
  ),
];
