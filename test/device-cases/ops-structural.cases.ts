import { input } from '../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import { multiply } from '../../src/ops/binary.ts';
import { blockDiagonal } from '../../src/ops/block-diagonal.ts';
import { concat } from '../../src/ops/concat.ts';
import { launchStridedCopy } from '../../src/ops/copy-strided.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { columnSum, columnSumByTotals, mean, sum } from '../../src/ops/reduce.ts';
import { repeatTime } from '../../src/ops/repeat.ts';
import { reshape } from '../../src/ops/reshape.ts';
import { lastStep, reverseTime, sliceColumns, sliceTime } from '../../src/ops/slice.ts';
import { assertEqual, type DeviceCase } from './case.ts';
import { compareGraph, runGraph } from './graph-rig.ts';
import { makeNoise, makeRig } from './training-rig.ts';

const exact = () => 1e-30;
/** Sums of `terms` numbers below 1: each partial sum rounds once. */
const sumBound = (terms: number) => (expected: number) =>
  2 ** -23 * Math.sqrt(terms) * Math.max(4, Math.abs(expected));

async function checkStructure(
  device: Parameters<DeviceCase['run']>[0],
  apply: (...inputs: SymbolicTensor[]) => SymbolicTensor,
  shapes: readonly (readonly number[])[],
): Promise<number> {
  const tensors = shapes.map((shape, index) => input(`x${index}`, shape));
  const y = apply(...tensors);
  const gradients = differentiate(sum(multiply(y, input('weights', y.shape))), tensors);
  const outputs: Record<string, SymbolicTensor> = { y };
  const inputs: Record<string, Float32Array> = { weights: makeNoise(y.size, 99) };
  for (const [index, tensor] of tensors.entries()) {
    outputs[`d_${index}`] = gradients[index] as SymbolicTensor;
    inputs[`x${index}`] = makeNoise(tensor.size, index);
  }
  await compareGraph(device, outputs, { inputs }, exact);
  return (await runGraph(device, { y }, { inputs })).dispatches;
}

const structures: readonly {
  readonly name: string;
  readonly apply: (...inputs: SymbolicTensor[]) => SymbolicTensor;
  readonly shapes: readonly (readonly number[])[];
  readonly dispatches: number;
}[] = [
  {
    name: 'a slice of time at an odd place',
    apply: (x) => sliceTime(x as SymbolicTensor, 1, 4),
    shapes: [[5, 3, 7]],
    dispatches: 1,
  },
  {
    name: 'a slice of time at an aligned place is a view',
    apply: (x) => sliceTime(x as SymbolicTensor, 1, 4),
    shapes: [[5, 2, 64]],
    dispatches: 0,
  },
  {
    name: 'a slice from the first step on is a view',
    apply: (x) => sliceTime(x as SymbolicTensor, 0, 2),
    shapes: [[5, 3]],
    dispatches: 0,
  },
  {
    name: 'the last step',
    apply: (x) => lastStep(x as SymbolicTensor),
    shapes: [[4, 3, 5]],
    dispatches: 1,
  },
  {
    name: 'a slice of columns',
    apply: (x) => sliceColumns(x as SymbolicTensor, 2, 6),
    shapes: [[3, 2, 7]],
    dispatches: 1,
  },
  {
    name: 'time in reverse',
    apply: (x) => reverseTime(x as SymbolicTensor),
    shapes: [[65, 2, 7]],
    dispatches: 1,
  },
  {
    name: 'three tensors side by side',
    apply: (...parts) => concat(parts),
    shapes: [
      [4, 3, 5],
      [4, 3, 1],
      [4, 3, 300],
    ],
    dispatches: 3,
  },
  {
    name: 'the blocks of three heads as a dense matrix',
    apply: (x) => blockDiagonal(x as SymbolicTensor, 6),
    shapes: [[12, 2]],
    dispatches: 1,
  },
  {
    name: 'the blocks of two heads, more than a workgroup',
    apply: (x) => blockDiagonal(x as SymbolicTensor, 14),
    shapes: [[56, 7]],
    dispatches: 1,
  },
  {
    name: 'a reshaped slice',
    apply: (x) => reshape(sliceColumns(x as SymbolicTensor, 0, 2), [6]),
    shapes: [[3, 5]],
    dispatches: 1,
  },
  {
    name: 'a single element repeated once',
    apply: (x) => repeatTime(x as SymbolicTensor, 1),
    shapes: [[1, 1]],
    dispatches: 1,
  },
];

export const cases: readonly DeviceCase[] = [
  ...structures.map(
    ({ name, apply, shapes, dispatches }) =>
      ({
        name: `${name}, and its gradient`,
        run: async (device) => {
          assertEqual(await checkStructure(device, apply, shapes), dispatches, 'dispatches');
        },
      }) satisfies DeviceCase,
  ),
  {
    name: 'an input repeated over time; its gradient is a sum',
    async run(device) {
      const x = input('x', [3, 7]);
      const y = repeatTime(x, 33);
      const [gradient] = differentiate(sum(multiply(y, input('weights', y.shape))), [x]);
      const inputs = { x: makeNoise(21, 1), weights: makeNoise(33 * 21, 2) };
      const outputs = { y, d_x: gradient as SymbolicTensor };
      await compareGraph(device, outputs, { inputs }, sumBound(33));
    },
  },
  {
    name: 'a copy inside one buffer goes through scratch memory',
    async run(device) {
      const rig = await makeRig(device, (lowering) => {
        const view = lowering.shared('data', 4 * 12);
        launchStridedCopy(lowering, {
          label: 'shift',
          source: view,
          sourceOffset: 0,
          sourceStrides: [4, 1],
          target: view,
          targetOffset: 2,
          targetStrides: [4, 1],
          extents: [2, 4],
          window: { begin: 0, end: 1 },
        });
      });
      rig.write(
        'data',
        Float32Array.from({ length: 12 }, (_, index) => index + 1),
      );
      rig.executable.run();
      const expected = Float32Array.of(1, 2, 1, 2, 3, 4, 0, 0, 0, 0, 11, 12);
      assertEqual(await rig.readFloats('data'), expected, 'data');
      assertEqual(rig.executable.plan.launches.length, 2, 'launches');
      rig.dispose();
    },
  },
  {
    name: 'tokens are sliced, reversed and joined bit by bit',
    async run(device) {
      const tokens = input('tokens', [4, 3], 'i32');
      const joined = concat([reverseTime(tokens), sliceColumns(tokens, 1, 2)]);
      const inputs = {
        tokens: Int32Array.from({ length: 12 }, (_, index) => index * 0x1234567 - 5),
      };
      await compareGraph(device, { joined }, { inputs }, exact);
    },
  },
  {
    name: 'sum and mean, small and in two stages',
    async run(device) {
      for (const [size, dispatches] of [
        [1, 2],
        [63, 2],
        [4097, 4],
        [1_100_003, 4],
      ] as const) {
        const x = input('x', [size]);
        const inputs = { x: makeNoise(size, 1) };
        const outputs = { sum: sum(x), mean: mean(x) };
        const first = await compareGraph(device, outputs, { inputs }, sumBound(size));
        assertEqual(first.dispatches, dispatches, `dispatches for ${size} elements`);
        const second = await runGraph(device, outputs, { inputs });
        assertEqual(second.outputs.sum, first.outputs.sum, 'the same sum again');
      }
    },
  },
  {
    name: 'sums of columns, few rows and many',
    async run(device) {
      for (const [rows, columns, dispatches] of [
        [1, 1, 1],
        [7, 3, 1],
        [513, 65, 2],
        [20_001, 3, 2],
        [5000, 1, 2],
      ] as const) {
        const x = input('x', [rows, columns]);
        const inputs = { x: makeNoise(rows * columns, 1) };
        const outputs = { sums: columnSum(x) };
        const result = await compareGraph(device, outputs, { inputs }, sumBound(rows));
        assertEqual(result.dispatches, dispatches, `dispatches for ${rows} × ${columns}`);
      }
    },
  },
  {
    name: 'sums of rows stand in for sums of columns where they are fewer',
    async run(device) {
      for (const [columns, terms, dispatches] of [
        [3, 1, 1],
        [65, 7, 1],
        [384, 64, 1],
        [5, 513, 2],
      ] as const) {
        const x = input('x', [4 * terms, columns]);
        const totals = input('totals', [columns, terms]);
        const inputs = { totals: makeNoise(columns * terms, 1) };
        const outputs = { sums: columnSumByTotals(x, totals, 'sums') };
        const result = await compareGraph(device, outputs, { inputs }, sumBound(terms));
        assertEqual(result.dispatches, dispatches, `dispatches for ${columns} rows of ${terms}`);
      }
    },
  },
];
