import { input, parameter } from '../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import { add, multiply } from '../../src/ops/binary.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { embedding, oneHot, oneHotLinear } from '../../src/ops/embedding.ts';
import { linear, matmul, transpose } from '../../src/ops/linear.ts';
import type { MatmulSubject } from '../../src/ops/matmul-tunable.ts';
import { sum } from '../../src/ops/reduce.ts';
import { scale } from '../../src/ops/unary.ts';
import { assertEqual, assertTrue, casesOf, type DeviceCase, forEachOf } from './case.ts';
import { compareCore, runCore, type Tensors } from './core-rig.ts';
import { makeNoise } from './training-rig.ts';

function own(name: string, shape: readonly number[]): SymbolicTensor {
  return parameter({ name, shape, initialize: () => new Float32Array() });
}

/** y and the gradients of `sources` for a loss that weighs every element of y differently. */
function withGradients(y: SymbolicTensor, sources: Tensors): Tensors {
  const loss = sum(multiply(y, input('of_y', y.shape)));
  const gradients = differentiate(loss, Object.values(sources));
  const named = Object.keys(sources).map((name, index) => [`d_${name}`, gradients[index]]);
  return { y, ...Object.fromEntries(named) };
}

/** Rows, inputs and outputs: 1, odd, and more than a tile in each place. */
const sizes = {
  quick: [
    { laneWidth: 4, size: [3, 5, 7] },
    { laneWidth: 32, size: [17, 33, 130] },
    { laneWidth: 32, size: [1, 66, 70] },
    // The gradient's sums over so many rows are cut into parts on a GPU.
    { laneWidth: 32, size: [1030, 12, 20] },
  ],
  full: [
    { laneWidth: 4, size: [1, 1, 1] },
    { laneWidth: 4, size: [17, 33, 130] },
    { laneWidth: 4, size: [6, 300, 9] },
    { laneWidth: 32, size: [3, 5, 7] },
    { laneWidth: 32, size: [260, 40, 130] },
    // So many tiles are staged on a GPU.
    { laneWidth: 32, size: [2050, 20, 1030] },
  ],
} satisfies Record<string, { laneWidth: number; size: [number, number, number] }[]>;

/** Tokens with repeats that leave some of a vocabulary out. */
function drawTokens(count: number, vocabulary: number): Int32Array {
  return Int32Array.from({ length: count }, (_, index) => (index * index * 7) % vocabulary);
}

export const cases: readonly DeviceCase[] = [
  ...casesOf(
    'linear and its gradients at edge sizes, in the tiles of 4 and 32 lanes',
    sizes,
    async (device, { laneWidth, size: [rows, inputs, outputs] }) => {
      const x = input('x', [rows, inputs]);
      const [weight, bias] = [own('weight', [outputs, inputs]), own('bias', [outputs])];
      const y = linear(x, weight, bias);
      await compareCore(device, withGradients(y, { x, weight, bias }), {
        kind: 'linear',
        inputs: { x: makeNoise(x.size, 1), of_y: makeNoise(y.size, 2) },
        laneWidth,
        steps: 1,
        fanIn: Math.max(rows, inputs, outputs),
      });
    },
  ),
  {
    name: 'linear and its gradients through workgroup memory, whole and in parts of the sum',
    async run(device) {
      const [x, weight, bias] = [input('x', [70, 50]), own('weight', [37, 50]), own('bias', [37])];
      const y = linear(x, weight, bias);
      const tiles = [
        { rows: 8, columns: 4, lanesM: 16, lanesN: 16, stageK: 16 },
        { rows: 4, columns: 8, lanesM: 4, lanesN: 8, stageK: 8 },
      ];
      await forEachOf(tiles, async (tile) => {
        const staged: string[] = [];
        await compareCore(device, withGradients(y, { x, weight, bias }), {
          kind: 'linear',
          inputs: { x: makeNoise(x.size, 1), of_y: makeNoise(y.size, 2) },
          steps: 1,
          fanIn: 70,
          tuning({ kernel, key, subject, builtIn, refuse }) {
            if (kernel !== 'matmul') return undefined;
            const { k, canSplit } = subject as MatmulSubject;
            const rest = { spreads: false, slices: 1, splitK: canSplit ? 32 : k };
            const shape = { ...builtIn, ...tile, ...rest };
            assertEqual(refuse(shape), undefined, 'why it is refused');
            staged.push(key);
            return { shape, reason: 'a case' };
          },
        });
        assertEqual(staged.length, 3, 'products');
      });
    },
  },
  {
    name: 'linear and its gradients are the same bits with every tile of a CPU’s quads',
    async run(device) {
      const [x, weight, bias] = [input('x', [70, 52]), own('weight', [37, 52]), own('bias', [37])];
      const y = linear(x, weight, bias);
      const inputs = { x: makeNoise(x.size, 1), of_y: makeNoise(y.size, 2) };
      let spreads = false;
      const run = ([rows, columns]: readonly [number, number]) =>
        runCore(device, withGradients(y, { x, weight, bias }), {
          inputs,
          tuning({ kernel, subject, builtIn, refuse }) {
            if (kernel !== 'matmul') return undefined;
            const { k } = subject as MatmulSubject;
            const shape = { ...builtIn, rows, columns, stageK: 0, slices: 1, splitK: k };
            assertEqual(refuse(shape), undefined, 'why it is refused');
            spreads = device.info.software && 'spreads' in shape && shape.spreads === true;
            return { shape, reason: 'a case' };
          },
        });
      const { tensors: expected } = await run([4, 2]);
      await forEachOf([[12, 4] as const, [32, 8] as const], async (tile) => {
        const { tensors, plan } = await run(tile);
        const sumsApart = plan.launches.some(({ kernel }) => kernel === 'sum-columns');
        if (spreads) assertEqual(sumsApart, tile[0] === 32, 'sums of columns are apart');
        for (const [name, values] of spreads ? expected : []) {
          // Launches of their own add up in another order.
          if (sumsApart && name === 'd_bias') continue;
          assertEqual<ArrayLike<number> | undefined>(tensors.get(name), values, name);
        }
      });
    },
  },
  {
    name: 'a product of two computed matrices, without a bias, and of a vector',
    async run(device) {
      const [a, b, v] = [input('a', [2, 3, 5]), input('b', [5, 6]), input('v', [5])];
      const product = matmul(scale(a, 2), scale(b, 0.5));
      const outputs = { ...withGradients(product, { a, b }), vector: matmul(v, b) };
      const inputs = {
        a: makeNoise(a.size, 1),
        b: makeNoise(b.size, 2),
        v: makeNoise(v.size, 3),
        of_y: makeNoise(product.size, 4),
      };
      await compareCore(device, outputs, { kind: 'matmul', inputs, steps: 1, fanIn: 6 });
    },
  },
  {
    name: 'one launch transposes all parameters that are read column by column',
    async run(device) {
      const shapes = [
        [1, 1],
        [3, 5],
        [64, 4],
        [7, 130],
        [1, 9],
      ];
      const outputs: Record<string, SymbolicTensor> = {};
      for (const [index, shape] of shapes.entries()) {
        const matrix = own(`p${index}`, shape);
        outputs[`t${index}`] = transpose(matrix);
        outputs[`back${index}`] = transpose(transpose(matrix));
      }
      const parameters = new Map(
        shapes.map(([rows = 0, columns = 0], index) => [
          `p${index}`,
          Float32Array.from({ length: rows * columns }, (_, at) => 1000 * index + at),
        ]),
      );
      const { plan, tensors } = await runCore(device, outputs, { parameters });
      const packing = plan.launches.filter(({ label }) => label === 'pack weights');
      assertEqual(packing.length, 1, 'packing launches');
      for (const [index, [rows = 0, columns = 0]] of shapes.entries()) {
        const source = parameters.get(`p${index}`) as Float32Array;
        const expected = Float32Array.from({ length: source.length }, (_, at) => {
          return source[(at % rows) * columns + Math.floor(at / rows)] as number;
        });
        assertEqual<ArrayLike<number> | undefined>(
          tensors.get(`t${index}`),
          expected,
          `transpose ${index}`,
        );
        assertEqual<ArrayLike<number> | undefined>(
          tensors.get(`back${index}`),
          source,
          `transposed twice ${index}`,
        );
      }
    },
  },
  {
    name: 'embedding, one-hot and one-hot linear with gradients, for vocabularies of 1 to 300',
    async run(device) {
      const forms = [1, 5, 300].flatMap((vocabulary) =>
        [1, 3, 8].map((width) => ({ vocabulary, width })),
      );
      await forEachOf(forms, async ({ vocabulary, width }) => {
        const tokens = input('tokens', [5, 3], 'i32');
        const table = own('table', [vocabulary, width]);
        const [weight, bias] = [own('weight', [width, vocabulary]), own('bias', [width])];
        const looked = withGradients(embedding(tokens, table), { table });
        const gathered = withGradients(oneHotLinear(tokens, weight, bias), { weight, bias });
        const plain = withGradients(oneHotLinear(tokens, weight), { weight });
        const inputs = { tokens: drawTokens(15, vocabulary), of_y: makeNoise(15 * width, 3) };
        for (const outputs of [looked, gathered, plain]) {
          await compareCore(device, outputs, { kind: 'gather', inputs, steps: 1, fanIn: 15 });
        }
        // Threads of a GPU share the positions of a token, or each has one.
        const wide = { kind: 'gather', inputs, steps: 1, fanIn: 15, laneWidth: 32 };
        if (width === 3) await compareCore(device, looked, wide);
        const { tensors } = await runCore(device, { hot: oneHot(tokens, vocabulary) }, { inputs });
        const hot = tensors.get('hot') as Float32Array;
        for (const [row, token] of inputs.tokens.entries()) {
          const expected = Float32Array.from({ length: vocabulary }, (_, at) => +(at === token));
          const got = hot.subarray(row * vocabulary, (row + 1) * vocabulary);
          assertEqual(got, expected, `one-hot row ${row}`);
        }
      });
      const tokens = input('tokens', [70, 2], 'i32');
      const table = own('table', [1100, 3]);
      const inputs = { tokens: drawTokens(140, 1100), of_y: makeNoise(420, 3) };
      const outputs = withGradients(embedding(tokens, table), { table });
      const large = { kind: 'gather', inputs, steps: 1, fanIn: 140 };
      await compareCore(device, outputs, large);
      await compareCore(device, outputs, { ...large, laneWidth: 32 });
    },
  },
  {
    name: 'a token outside the vocabulary makes its own row not a number and no other',
    async run(device) {
      // Positions are sorted by scanning, in one thread, and by their ranks.
      const tables = [{ rows: 5 }, { rows: 20 }, { rows: 1100, laneWidth: 32 }];
      await forEachOf(tables, async ({ rows, ...limits }) => {
        const wrong = [rows, -1, 2 ** 31 - 1, -(2 ** 31)];
        const tokens = input('tokens', [6], 'i32');
        const [table, weight] = [own('table', [rows, 3]), own('weight', [3, rows])];
        const looked = embedding(tokens, table);
        const outputs = { looked, gathered: oneHotLinear(tokens, weight) };
        const { d_table } = withGradients(looked, { table });
        const all: Tensors = { ...outputs, d_table: d_table as SymbolicTensor };
        const values = {
          tokens: Int32Array.of(0, ...wrong, 4),
          of_y: new Float32Array(18).fill(1),
        };
        const { tensors } = await runCore(device, all, { inputs: values, ...limits });
        for (const name of Object.keys(outputs)) {
          for (const [index, value] of (tensors.get(name) as Float32Array).entries()) {
            const isWrong = index >= 3 && index < 15;
            assertEqual(Number.isNaN(value), isWrong, `${name} at ${index} is ${value}`);
          }
        }
        const gradient = new Float32Array(3 * rows);
        for (const row of [0, 4]) gradient.fill(1, 3 * row, 3 * row + 3);
        assertEqual(tensors.get('d_table'), gradient, 'gradient of the table');
      });
    },
  },
  {
    name: 'a gradient of a gather is the same on every run, in any order of tokens',
    async run(device) {
      const tokens = input('tokens', [300], 'i32');
      const table = own('table', [3, 4]);
      const outputs = withGradients(embedding(tokens, table), { table });
      const inputs = { tokens: drawTokens(300, 3), of_y: makeNoise(1200, 3, 100) };
      const first = (await runCore(device, outputs, { inputs })).tensors.get('d_table');
      const second = (await runCore(device, outputs, { inputs })).tensors.get('d_table');
      assertEqual(second, first, 'gradient of the table');
      assertTrue(first?.every(Number.isFinite) === true, 'gradient of the table is not finite');
    },
  },
  {
    name: 'gradients that feed others, or belong to two parameters, land in the flat buffer',
    async run(device) {
      // The gradient of `a` is a factor of the gradient of `b`; `c` and `d` share one.
      const x = input('x', [3, 4]);
      const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => own(name, [3, 4])) as [
        SymbolicTensor,
        SymbolicTensor,
        SymbolicTensor,
        SymbolicTensor,
      ];
      const y = multiply(add(add(a, scale(b, 2)), add(c, d)), x);
      const loss = sum(multiply(y, y));
      const names = ['a', 'b', 'c', 'd'];
      const found = differentiate(loss, [a, b, c, d]) as SymbolicTensor[];
      const gradients = new Map(names.map((name, index) => [name, found[index] as SymbolicTensor]));
      const inputs = { x: makeNoise(12, 1) };
      await compareCore(device, { loss }, { kind: 'sums', inputs, gradients, steps: 1, fanIn: 12 });
    },
  },
];
