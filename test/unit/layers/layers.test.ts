import { describe, expect, it } from 'vitest';
import type { Cell } from '../../../src/cells/cell.ts';
import { type CellName, cells } from '../../../src/cells/registry.ts';
import { isScanCell, type ScanCell } from '../../../src/cells/scan-cell.ts';
import { input } from '../../../src/graph/sources.ts';
import type { SymbolicTensor, TensorType } from '../../../src/graph/tensor.ts';
import {
  dropout,
  embedding,
  lastStep,
  linear,
  oneHot,
  relu,
  sigmoid,
  tanh,
} from '../../../src/layers/basic.ts';
import { buildModel } from '../../../src/layers/build.ts';
import type { Layer } from '../../../src/layers/layer.ts';
import { type ModelFunction, model, sequential } from '../../../src/layers/model.ts';
import { gru, lstm, recurrent, rnn } from '../../../src/layers/recurrent.ts';

const floats = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });
const tokens = (...shape: number[]): TensorType => ({ shape, dtype: 'i32' });

/** Names and shapes of a model's parameters, in their order in files. */
function describeParameters(layers: readonly Layer[], type: TensorType): string[] {
  const { parameters } = sequential(layers).trace({ input: type });
  return [...parameters.values()].map(({ parameter }) => {
    return `${parameter.name} [${parameter.shape.join(', ')}]`;
  });
}

const shapeOf = (layers: readonly Layer[], type: TensorType) =>
  sequential(layers).trace({ input: type }).outputs.output?.shape;

describe('parameters', () => {
  it('of a bidirectional stack are named, shaped and ordered as in PyTorch', () => {
    const layers = [
      embedding(7, 3),
      lstm(2, { layers: 2, direction: 'bidirectional' }),
      linear(5, { name: 'head' }),
    ];
    expect(describeParameters(layers, tokens(4, 1))).toEqual([
      'embedding.weight [7, 3]',
      'lstm.weight_ih_l0 [8, 3]',
      'lstm.weight_hh_l0 [8, 2]',
      'lstm.bias_ih_l0 [8]',
      'lstm.bias_hh_l0 [8]',
      'lstm.weight_ih_l0_reverse [8, 3]',
      'lstm.weight_hh_l0_reverse [8, 2]',
      'lstm.bias_ih_l0_reverse [8]',
      'lstm.bias_hh_l0_reverse [8]',
      'lstm.weight_ih_l1 [8, 4]',
      'lstm.weight_hh_l1 [8, 2]',
      'lstm.bias_ih_l1 [8]',
      'lstm.bias_hh_l1 [8]',
      'lstm.weight_ih_l1_reverse [8, 4]',
      'lstm.weight_hh_l1_reverse [8, 2]',
      'lstm.bias_ih_l1_reverse [8]',
      'lstm.bias_hh_l1_reverse [8]',
      'head.weight [5, 4]',
      'head.bias [5]',
    ]);
  });

  it.each(Object.keys(cells) as CellName[])(
    'of %s follow its gate table, without a bias too',
    (cell) => {
      const made: Cell | ScanCell = cells[cell].create({});
      const rows = 3 * (isScanCell(made) ? made.gates.length : made.inputGates);
      const ofHidden = (own: Cell) => (own.multiplies ? `[${rows}, 3]` : '[3]');
      const hidden = isScanCell(made) ? [] : [`${cell}.weight_hh_l0 ${ofHidden(made)}`];
      const options = { direction: 'reverse', bias: false } as const;
      expect(describeParameters([recurrent(cell, 3, options)], floats(4, 1, 2))).toEqual([
        `${cell}.weight_ih_l0 [${rows}, 2]`,
        ...hidden,
      ]);
    },
  );

  it('of layers of one kind are numbered, those of a shared layer are there once', () => {
    const shared = linear(3, { bias: false });
    const names = describeParameters(
      [shared, linear(3), shared, rnn(3, { bias: false })],
      floats(2, 1, 3),
    );
    expect(names).toEqual([
      'linear.weight [3, 3]',
      'linear_1.weight [3, 3]',
      'linear_1.bias [3]',
      'rnn.weight_ih_l0 [3, 3]',
      'rnn.weight_hh_l0 [3, 3]',
    ]);
  });

  it('keep their names when a model is traced again, for other shapes', () => {
    const network = sequential([linear(3), linear(4)]);
    const namesAt = (rows: number) => [
      ...network.trace({ input: floats(rows, 2) }).parameters.keys(),
    ];
    expect(namesAt(5)).toEqual(namesAt(1));
  });
});

describe('shapes', () => {
  it.each([
    ['oneHot', [oneHot(6)], tokens(4, 2), [4, 2, 6]],
    ['embedding', [embedding(6, 5)], tokens(4, 2), [4, 2, 5]],
    ['linear on any axes', [linear(3)], floats(7), [3]],
    ['gru', [gru(5)], floats(4, 2, 3), [4, 2, 5]],
    ['bidirectional', [rnn(5, { direction: 'bidirectional' })], floats(4, 2, 3), [4, 2, 10]],
    ['lastStep', [lstm(5), lastStep()], floats(4, 2, 3), [2, 5]],
    ['pointwise', [tanh(), sigmoid(), relu(), dropout(0.5)], floats(4, 2), [4, 2]],
  ] as const)('of %s', (_name, layers, type, expected) => {
    expect(shapeOf(layers, type)).toEqual(expected);
  });

  it('of states are [layers·directions, B, H], by the cell’s names', () => {
    const layer = lstm(5, { layers: 3, direction: 'bidirectional' });
    const { outputs } = model(({ x }) => ({ ...layer.run(x as SymbolicTensor).state })).trace({
      x: floats(4, 2, 3),
    });
    expect(Object.keys(outputs)).toEqual(['h', 'c']);
    expect([outputs.h?.shape, outputs.c?.shape]).toEqual([
      [6, 2, 5],
      [6, 2, 5],
    ]);
  });
});

describe('traces', () => {
  it('draw dropout while training and leave it out in use', () => {
    const network = sequential([dropout(0.5), lstm(2, { layers: 2, dropout: 0.3 }), linear(1)]);
    const labels = (mode: 'training' | 'inference') => {
      const { outputs } = network.trace({ input: floats(3, 1, 2) }, { mode });
      const found: string[] = [];
      const visit = ({ node }: SymbolicTensor): void => {
        if (node.op.name === 'dropout') found.push(node.label);
        for (const tensor of node.inputs) visit(tensor);
      };
      visit(outputs.output as SymbolicTensor);
      return [...new Set(found)].sort();
    };
    expect(labels('inference')).toEqual([]);
    expect(labels('training')).toEqual(['dropout', 'lstm/dropout_l0']);
  });

  it('carry states from where a layer was first called, where asked to', () => {
    const layer = gru(3, { layers: 2 });
    const network = model(({ x }) => layer(layer(x as SymbolicTensor)));
    const { states } = network.trace({ x: floats(4, 2, 3) }, { carriesState: true });
    expect([...states.keys()]).toEqual(['gru.l0', 'gru.l1']);
    for (const { initial, final } of states.values()) {
      expect(initial.shape).toEqual([1, 2, 3]);
      expect(final?.shape).toEqual([1, 2, 3]);
    }
    expect(network.trace({ x: floats(4, 2, 3) }).states.size).toBe(0);
  });
});

describe('errors', () => {
  const x = floats(4, 2, 3);
  const trace = (define: ModelFunction) => () => model(define).trace({ x });
  const run = (layer: Layer, type: TensorType) => () => sequential([layer]).trace({ input: type });

  it('name the layer and the shape that does not fit', () => {
    expect(run(lstm(3, { name: 'encoder' }), floats(4, 3))).toThrow(
      'encoder: input is f32 [4, 3], expected f32 [T, B, I]. A single step is [1, B, I]; time comes first.',
    );
    expect(run(gru(3), tokens(4, 2, 1))).toThrow(
      'gru: input is i32 [4, 2, 1], expected f32 [T, B, I]. Put an embedding or oneHot in front of it.',
    );
    expect(run(embedding(6, 3), x)).toThrow(
      'embedding: input is f32 [4, 2, 3], expected i32 tokens.',
    );
    expect(run(linear(3), tokens(4))).toThrow('Put an embedding or oneHot in front of it.');
  });

  it('say that a layer was called outside of a model', () => {
    for (const [name, layer] of Object.entries({ lstm: lstm(2), linear: linear(2) })) {
      expect(() => layer(input('x', [1, 1, 2]))).toThrow(
        `${name} was called outside of a model. Call layers inside model(({ … }) => …) or list them in ` +
          'sequential([…]).',
      );
    }
    expect(trace(() => ({ y: 3 as unknown as SymbolicTensor }))).toThrow(
      "model: output 'y' is not a tensor. Return tensors only.",
    );
    expect(() => lstm(2)(input('x', [1, 1, 2]))).toThrow('outside of a model');
  });

  it('say which options and values a layer does not take', () => {
    const cases: readonly [() => unknown, string][] = [
      [() => lstm(0), 'lstm: hiddenSize is 0, expected a positive integer.'],
      [() => rnn(2.5), 'rnn: hiddenSize is 2.5, expected a positive integer.'],
      [() => gru(2, { layers: 0 }), 'gru: layers is 0, expected a positive integer.'],
      [() => linear(Number.NaN), 'linear: outputSize is NaN, expected a positive integer.'],
      [() => embedding(3, -1), 'embedding: size is -1, expected a positive integer.'],
      [() => oneHot(0), 'oneHot: vocabularySize is 0, expected a positive integer.'],
      [() => dropout(1), 'dropout: rate is 1, expected a number in [0, 1).'],
      [() => lstm(2, { dropout: -0.1 }), 'lstm: dropout is -0.1, expected a number in [0, 1).'],
      [
        () => recurrent('gru', 2, { direction: 'both' as 'forward' }),
        "gru: direction is 'both', expected 'forward', 'reverse' or 'bidirectional'.",
      ],
      [
        () => recurrent('gru', 2, { forgetBias: 1 }),
        "gru: unknown option 'forgetBias', expected one of name, layers, direction, merge, residual, bias, " +
          'dropout, inputDropout, recurrentInitializer, heads, recurrentDropout, weightDropout, zoneout, reset, ' +
          'update, activations, clip, layerNorm.',
      ],
      [
        () => recurrent('slstm', 8, { heads: 3 }),
        'slstm: heads is 3, expected a divisor of hiddenSize 8: all heads have as many units.',
      ],
      [() => recurrent('lstm', 8, { heads: 0 }), 'lstm: heads is 0, expected a positive integer.'],
      [() => recurrent('minGru', 8, { heads: 2 }), "minGru: unknown option 'heads'"],
      [
        () => recurrent('indRnn', 8, { heads: 2 }),
        'indRnn: heads is 2, but weight_hh has no square blocks here, expected 1.',
      ],
      [
        () => recurrent('slstm', 8, { zoneout: 0.1 }),
        "slstm: zoneout is 0.1, but this cell's states cannot be kept one by one",
      ],
      [() => recurrent('minLstm', 8, { zoneout: 0.1 }), "minLstm: unknown option 'zoneout'"],
      [
        () => recurrent('rnn', 2, { nonlinearity: 'gelu' }),
        'rnn: activations: activation "gelu" is unknown, expected one of tanh, sigmoid, relu, hardsigmoid, affine, ' +
          'leakyrelu, thresholdedrelu, elu, softsign, softplus, scaledtanh.',
      ],
      [
        () => linear(2, { bais: false } as object),
        "linear: unknown option 'bais', expected one of name, bias.",
      ],
      [() => sequential([]), 'sequential: got no layers, expected at least one.'],
      [
        () => sequential([lstm as unknown as Layer, undefined as unknown as Layer]),
        'sequential: entry 1 is undefined, expected a layer such as lstm(64).',
      ],
    ];
    for (const [build, message] of cases) expect(build).toThrow(message);
  });

  it('say that a shared layer met another input size, or two layers one name', () => {
    const shared = linear(5);
    expect(run(((y: SymbolicTensor) => shared(shared(y))) as Layer, x)).toThrow(
      "parameter 'linear.weight' is [5, 3] from an earlier use and [5, 5] now. A shared layer needs inputs " +
        'of one size; make a second layer.',
    );
    const [a, b] = [linear(3, { name: 'same' }), linear(3, { name: 'same' })];
    expect(trace(({ x: value }) => a(b(value as SymbolicTensor)))).toThrow(
      "layer name 'same' is used twice, expected a name of its own.",
    );
    expect(run(linear(3, { name: 'a/b' }), x)).toThrow(
      "layer name 'a/b' has a slash, expected a name without one.",
    );
    expect(trace(({ y }) => y as SymbolicTensor)).toThrow(
      "model: input 'y' is not given, there is x. Name it in the data or in forward().",
    );
  });

  it('say which state does not fit', () => {
    const layer = gru(3, { layers: 2 });
    const state = (name: string, ...shape: number[]) =>
      trace(({ x: value }) => {
        return layer.run(value as SymbolicTensor, { [name]: input(name, shape) }).output;
      });
    expect(state('c', 2, 2, 3)).toThrow("gru: got a state 'c', a gru has h.");
    expect(state('h', 2, 3)).toThrow(
      'gru: state h is [2, 3], expected [2, 2, 3]: [layers·directions, batch, hiddenSize].',
    );
    expect(state('h', 2, 2, 3)).not.toThrow();
  });
});

describe('buildModel', () => {
  it('is the inverse of config', () => {
    const layers = [
      embedding(6, 4, { name: 'letters' }),
      dropout(0.25),
      lstm(4, { layers: 2, dropout: 0.5, forgetBias: 1 }),
      gru(4, { reset: 'before', update: 'replace', direction: 'bidirectional' }),
      rnn(4, { nonlinearity: 'relu', recurrentInitializer: 'orthogonal', bias: false }),
      tanh(),
      sigmoid(),
      relu(),
      lastStep(),
      linear(6, { bias: false }),
    ];
    const config = JSON.parse(JSON.stringify(sequential(layers).config));
    const again = buildModel(config);
    expect(again.config).toEqual(config);
    const names = (network: ReturnType<typeof sequential>) => [
      ...network.trace({ input: tokens(2, 1) }).parameters.keys(),
    ];
    expect(names(again)).toEqual(names(sequential(layers)));
    expect(buildModel([{ kind: 'oneHot', vocabularySize: 3 }]).config).toEqual([
      { kind: 'oneHot', vocabularySize: 3 },
    ]);
  });

  it('refuses what it does not know', () => {
    expect(() => buildModel([{ kind: 'transformer' }])).toThrow(
      "model: layer kind 'transformer' is unknown, expected one of embedding, oneHot, linear, ",
    );
    expect(() => buildModel([{ kind: 'toString' }])).toThrow("layer kind 'toString' is unknown");
    expect(() => buildModel([{ kind: 'lstm', hiddenSize: '8' }])).toThrow(
      'lstm: hiddenSize is 8, expected a positive integer.',
    );
    expect(() => buildModel([{ kind: 'lstm', hiddenSize: 8, peephole: true }])).toThrow(
      "lstm: unknown option 'peephole'",
    );
  });
});
