import { describe, expect, it } from 'vitest';
import { type CellName, cells } from '../../../src/cells/registry.ts';
import { input } from '../../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import { linear, oneHot } from '../../../src/layers/basic.ts';
import { buildModel } from '../../../src/layers/build.ts';
import { model, sequential } from '../../../src/layers/model.ts';
import { lstm, recurrent } from '../../../src/layers/recurrent.ts';
import {
  gruCell,
  lstmCell,
  type RecurrentCell,
  recurrentCell,
  rnnCell,
} from '../../../src/layers/recurrent-cell.ts';
import type { RecurrentState } from '../../../src/layers/recurrent-state.ts';
import { add } from '../../../src/ops/binary.ts';
import { sum } from '../../../src/ops/reduce.ts';
import { reshape } from '../../../src/ops/reshape.ts';
import { sliceTime } from '../../../src/ops/slice.ts';
import { square } from '../../../src/ops/unary.ts';
import { Random } from '../../../src/random.ts';
import { evaluateGraph } from '../../../src/reference/interpreter.ts';
import { parameterGradientError } from '../core-ops/parameter-check.ts';

const [STEPS, BATCH, SIZE, HIDDEN] = [3, 2, 4, 3];
const floats = (...shape: number[]) => ({ shape, dtype: 'f32' }) as const;
const noise = (size: number) => {
  const random = new Random(5, size);
  return Float64Array.from({ length: size }, () => 2 * random.uniform() - 1);
};

/** A loop over time with a cell: the last state and the outputs' sum. */
function unroll(cell: RecurrentCell, x: SymbolicTensor) {
  let state: RecurrentState = {};
  let total: SymbolicTensor | undefined;
  for (let t = 0; t < STEPS; t++) {
    const step = cell.run(reshape(sliceTime(x, t, t + 1), [BATCH, SIZE]), state);
    state = step.state;
    total = total ? add(total, step.output) : step.output;
  }
  return { state, total: total as SymbolicTensor };
}

const variants = (Object.keys(cells) as CellName[]).flatMap((kind) =>
  [...cells[kind].variants, ...cells[kind].options].map((options) => ({ kind, options })),
);

describe.each(variants)('a cell of $kind $options', ({ kind, options }) => {
  it('applied step by step is the layer', () => {
    const [cell, layer] = [recurrentCell(kind, HIDDEN, options), recurrent(kind, HIDDEN, options)];
    const traced = model(({ x }) => {
      const { state } = unroll(cell, x as SymbolicTensor);
      const { state: last } = layer.run(x as SymbolicTensor);
      const named = (prefix: string, states: typeof state) =>
        Object.fromEntries(Object.entries(states).map(([key, y]) => [`${prefix} ${key}`, y]));
      return { ...named('cell', state), ...named('layer', last) };
    }).trace({ x: floats(STEPS, BATCH, SIZE) });
    const names = [...traced.parameters.keys()];
    const half = names.length / 2;
    expect(names.slice(0, half).map((name) => `${name.replace('Cell.', '.')}_l0`)).toEqual(
      names.slice(half),
    );
    const parameters = new Map(
      names.map((name) => [name, noise(traced.parameters.get(name)?.tensor.size as number)]),
    );
    const inputs = new Map([['x', noise(STEPS * BATCH * SIZE)]]);
    const values = evaluateGraph(Object.values(traced.outputs), { inputs, parameters });
    for (const state of cells[kind].create(options).states) {
      const [a, b] = ['cell', 'layer'].map((name) => traced.outputs[`${name} ${state}`]) as [
        SymbolicTensor,
        SymbolicTensor,
      ];
      expect([1, ...a.shape]).toEqual(b.shape);
      expect(values.get(a)).toEqual(values.get(b));
    }
  });

  it('unrolled has the right gradients', () => {
    const cell = recurrentCell(kind, HIDDEN, options);
    const traced = model(({ x }) => unroll(cell, x as SymbolicTensor).total).trace({
      x: floats(STEPS, BATCH, SIZE),
    });
    const loss = sum(square(traced.outputs.output as SymbolicTensor));
    const inputs = new Map([['x', noise(STEPS * BATCH * SIZE)]]);
    expect(parameterGradientError(loss, { inputs })).toBeLessThan(1e-7);
  });
});

describe('cells', () => {
  it('carry their state from step to step where asked to', () => {
    const network = sequential([lstmCell(HIDDEN), gruCell(2), linear(1)]);
    const { states, outputs } = network.trace(
      { input: floats(BATCH, SIZE) },
      { carriesState: true },
    );
    expect(outputs.output?.shape).toEqual([BATCH, 1]);
    const shapes = [...states].map(([name, { initial, final }]) => {
      return [name, initial.shape, final?.shape];
    });
    expect(shapes).toEqual([
      ['lstmCell.step', [2, BATCH, HIDDEN], [2, BATCH, HIDDEN]],
      ['gruCell.step', [1, BATCH, 2], [1, BATCH, 2]],
    ]);
  });

  it('carry on from the last step of a loop, not from the first', () => {
    const cell = gruCell(HIDDEN);
    const network = model(({ x }) => {
      const { state, total } = unroll(cell, x as SymbolicTensor);
      return { total, h: state.h as SymbolicTensor };
    });
    const { states, outputs } = network.trace(
      { x: floats(STEPS, BATCH, SIZE) },
      { carriesState: true },
    );
    const nodeOf = (tensor: SymbolicTensor | undefined): unknown =>
      tensor?.node.op.name === 'recurrence' ? tensor.node : nodeOf(tensor?.node.inputs[0]);
    expect(states.get('gruCell.step')?.final?.node).toBe(nodeOf(outputs.h));
  });

  it('take one-hot tokens as a gather', () => {
    const network = sequential([oneHot(5), rnnCell(HIDDEN)]);
    const { outputs } = network.trace({ input: { shape: [BATCH], dtype: 'i32' } });
    const labels: string[] = [];
    const visit = ({ node }: SymbolicTensor): void => {
      labels.push(node.op.name);
      for (const tensor of node.inputs) visit(tensor);
    };
    visit(outputs.output as SymbolicTensor);
    expect(labels).toContain('one-hot-linear');
    expect(labels).not.toContain('one-hot');
  });

  it('survive as plain data', () => {
    const layers = [gruCell(3, { reset: 'before' }), lstmCell(2, { forgetBias: 1, name: 'last' })];
    const config = JSON.parse(JSON.stringify(sequential(layers).config));
    expect(config).toEqual([
      { kind: 'gruCell', hiddenSize: 3, reset: 'before' },
      { kind: 'lstmCell', hiddenSize: 2, forgetBias: 1, name: 'last' },
    ]);
    expect(buildModel(config).config).toEqual(config);
  });

  it('say what does not fit', () => {
    const run = (build: () => unknown) => () =>
      model(() => build() as SymbolicTensor).trace({ x: floats(1) });
    const cases: readonly [() => unknown, string][] = [
      [() => lstmCell(0), 'lstmCell: hiddenSize is 0, expected a positive integer.'],
      [
        () => gruCell(2, { layers: 2 } as object),
        "gruCell: unknown option 'layers', expected one of name, bias, recurrentInitializer, heads, " +
          'weightDropout, reset, update, activations, clip, layerNorm.',
      ],
      [
        () => rnnCell(2, { weightDropout: 2 }),
        'rnnCell: weightDropout is 2, expected a number in [0, 1).',
      ],
      [
        run(() => lstmCell(2)(input('x', [4, 3, 2]))),
        'lstmCell: input is f32 [4, 3, 2], expected f32 [B, I]. A cell takes one time step; lstm() takes [T, B, ' +
          'I].',
      ],
      [
        run(() => gruCell(2)(input('t', [4, 3], 'i32'))),
        'gruCell: input is i32 [4, 3], expected f32 [B, I]. Put an embedding or oneHot in front of it.',
      ],
      [
        run(() => gruCell(2).run(input('x', [3, 2]), { h: input('h', [1, 3, 2]) }).output),
        'gruCell: state h is [1, 3, 2], expected [3, 2]: [batch, hiddenSize].',
      ],
      [
        run(() => gruCell(2).run(input('x', [3, 2]), { c: input('c', [3, 2]) }).output),
        "gruCell: got a state 'c', a gru has h.",
      ],
      [() => lstmCell(2)(input('x', [3, 2])), 'lstmCell was called outside of a model.'],
      [
        run(() => lstm(2)(input('x', [3, 2]))),
        'lstm: input is f32 [3, 2], expected f32 [T, B, I]. A single step is [1, B, I]; time comes first.',
      ],
    ];
    for (const [build, message] of cases) expect(build).toThrow(message);
  });
});
