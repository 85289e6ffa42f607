import { describe, expect, it } from 'vitest';
import type { Cell } from '../../../src/cells/cell.ts';
import type { CellName } from '../../../src/cells/registry.ts';
import { input, parameter } from '../../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import { embedding as embeddingLayer, linear as linearLayer } from '../../../src/layers/basic.ts';
import { type ModelFunction, model } from '../../../src/layers/model.ts';
import { gru, lstm, recurrent, rnn } from '../../../src/layers/recurrent.ts';
import { add, multiply } from '../../../src/ops/binary.ts';
import { concat } from '../../../src/ops/concat.ts';
import { differentiate } from '../../../src/ops/differentiate.ts';
import { embedding, oneHot, oneHotLinear } from '../../../src/ops/embedding.ts';
import { linear, matmul, transpose } from '../../../src/ops/linear.ts';
import { project } from '../../../src/ops/project.ts';
import { recurrence } from '../../../src/ops/recurrence.ts';
import { sum } from '../../../src/ops/reduce.ts';
import { reshape } from '../../../src/ops/reshape.ts';
import { softmaxCrossEntropy } from '../../../src/ops/softmax-cross-entropy.ts';
import { scale, square } from '../../../src/ops/unary.ts';
import { cellVariants, liftStates } from '../../device-cases/core-variants.ts';
import { evaluate, gradientError } from '../../support/gradient-check.ts';
import { parameterGradientError } from './parameter-check.ts';

const flatten = (tensor: SymbolicTensor) => reshape(tensor, [tensor.size]);

describe('products', () => {
  it.each([
    [[1], [1, 1]],
    [[5], [3, 5]],
    [
      [2, 5],
      [3, 5],
    ],
    [
      [2, 3, 5],
      [4, 5],
    ],
  ] as const)('linear of %j by %j has the right gradients', (shape, weightShape) => {
    const [x, weight] = [input('x', shape), input('weight', weightShape)];
    const bias = input('bias', [weightShape[0]]);
    expect(gradientError(linear(x, weight, bias))).toBeLessThan(1e-8);
    expect(gradientError(linear(x, weight))).toBeLessThan(1e-8);
    expect(gradientError(matmul(x, transpose(weight)))).toBeLessThan(1e-8);
  });

  it('transpose and tensors used twice have the right gradients', () => {
    const x = input('x', [2, 3]);
    expect(gradientError(transpose(x))).toBeLessThan(1e-8);
    expect(gradientError(matmul(x, transpose(x)))).toBeLessThan(1e-8);
    expect(gradientError(add(x, multiply(x, x)))).toBeLessThan(1e-8);
  });

  it('give known values', () => {
    const [x, weight, bias] = [input('x', [1, 2]), input('w', [3, 2]), input('b', [3])];
    const values = { x: [2, 3], w: [1, 0, 0, 1, 1, -1], b: [10, 20, 30] };
    expect(evaluate(linear(x, weight, bias), values)).toEqual([12, 23, 29]);
    expect(evaluate(matmul(x, transpose(weight)), values)).toEqual([2, 3, -1]);
    expect(evaluate(transpose(weight), values)).toEqual([1, 0, 1, 0, 1, -1]);
  });

  it('name the shapes that do not fit', () => {
    const [x, weight] = [input('x', [2, 5]), input('w', [3, 4])];
    expect(() => linear(x, weight, undefined, 'head')).toThrow(
      'head: input is f32 [2, 5], expected f32 with a last axis of 4 for a weight [3, 4].',
    );
    expect(() => linear(input('t', [4], 'i32'), weight)).toThrow(
      'input is i32 [4], expected f32 with a last axis of 4 for a weight [3, 4]. Put an embedding or oneHot ' +
        'in front of it.',
    );
    expect(() => linear(input('x', [4]), weight, input('b', [4]))).toThrow(
      'linear: bias is [4], expected [3], one per output.',
    );
    expect(() => linear(x, input('w', [5]))).toThrow('weight is [5], expected [outputs, inputs].');
    expect(() => transpose(input('x', [2, 3, 4]), 'flip')).toThrow(
      'flip: input is [2, 3, 4], expected a matrix.',
    );
  });
});

describe('lookups', () => {
  const tokens = input('tokens', [2, 3], 'i32');
  const values = { tokens: [0, 3, 3, 1, 3, 0] };

  it('have the right gradients where tokens repeat or are missing', () => {
    const [table, weight, bias] = [input('table', [4, 2]), input('w', [2, 4]), input('b', [2])];
    expect(gradientError(embedding(tokens, table), { values })).toBeLessThan(1e-8);
    expect(gradientError(oneHotLinear(tokens, weight, bias), { values })).toBeLessThan(1e-8);
    expect(gradientError(oneHotLinear(tokens, weight), { values })).toBeLessThan(1e-8);
    // Of many tokens from a small vocabulary the bias has the sums of rows, above those of columns.
    const many = input('many', [5, 8], 'i32');
    const drawn = { many: Array.from({ length: 40 }, (_, at) => (at * at) % 3) };
    const narrow = oneHotLinear(many, weight, bias);
    expect(gradientError(narrow, { values: drawn })).toBeLessThan(1e-8);
  });

  it('a projection of a one-hot tensor is a gather of the same values', () => {
    const [weight, bias] = [input('w', [2, 4]), input('b', [2])];
    const gathered = project(oneHot(tokens, 4), weight, bias);
    expect(gathered.node.op.name).toBe('one-hot-linear');
    const plain = linear(oneHot(tokens, 4), weight, bias);
    expect(evaluate(gathered, values)).toEqual(evaluate(plain, values));
    expect(project(input('x', [1, 4]), weight).node.op.name).toBe('linear');
  });

  it('refuse floats as tokens, and tokens outside the vocabulary in the reference', () => {
    const table = input('table', [4, 2]);
    expect(() => embedding(input('x', [2]), table, 'embed')).toThrow(
      'embed: input is f32 [2], expected i32 tokens.',
    );
    expect(() => oneHot(input('x', [2]), 4)).toThrow('input is f32 [2], expected i32 tokens.');
    for (const wrong of [4, -1]) {
      const given = { tokens: [0, 0, 0, 0, wrong, 0] };
      const message = `token ${wrong} at index 4 is outside the vocabulary 0 … 3.`;
      expect(() => evaluate(embedding(tokens, table), given)).toThrow(`embedding: ${message}`);
      expect(() => evaluate(oneHotLinear(tokens, input('w', [2, 4])), given)).toThrow(message);
      expect(() => evaluate(oneHot(tokens, 4), given)).toThrow(message);
    }
  });
});

function inputsFor(cell: Cell, [steps, batch, hiddenSize]: readonly [number, number, number]) {
  const rows = cell.gates.length * hiddenSize;
  return {
    projected: input('projected', [steps, batch, cell.inputGates * hiddenSize]),
    ...(cell.multiplies && { weight: input('weight', [rows, hiddenSize]) }),
    initial: input('initial', [cell.states.length, batch, hiddenSize]),
    bias: input('bias', [rows + cell.parameters.length * hiddenSize]),
  };
}

describe.each(cellVariants)('recurrence of $name', ({ cell }) => {
  const build = (reverse: boolean, bias: boolean, consumed: 'output' | 'final' | 'both') => {
    const [steps, batch, hiddenSize] = [3, 2, 2];
    const {
      projected,
      weight,
      initial,
      bias: values,
    } = inputsFor(cell, [steps, batch, hiddenSize]);
    const hasBias = bias || cell.parameters.length > 0;
    const { output, final } = recurrence(
      { projected, weight, initial, ...(hasBias && { bias: values }) },
      { cell, reverse },
    );
    if (consumed === 'both') return concat([flatten(output), flatten(final)]);
    return consumed === 'output' ? output : final;
  };

  it.each([
    [false, true, 'both'],
    [true, true, 'both'],
    [false, false, 'output'],
    [true, false, 'final'],
  ] as const)('reverse %s, bias %s, reading %s: all gradients', (reverse, bias, consumed) => {
    const drawn = Float64Array.from({ length: 4 * cell.states.length }, (_none, at) =>
      Math.cos(5 * at),
    );
    const values = { initial: liftStates(cell, drawn) };
    expect(gradientError(build(reverse, bias, consumed), { values })).toBeLessThan(1e-7);
  });

  it('in reverse is the forward walk over reversed time', () => {
    const rows = cell.inputGates * 2;
    const values = Array.from({ length: 3 * rows }, (_none, index) => Math.sin(3 * index));
    const flip = (list: readonly number[], width: number) =>
      [2, 1, 0].flatMap((t) => list.slice(t * width, (t + 1) * width));
    const run = (reverse: boolean, projected: readonly number[]) =>
      evaluate(recurrence(inputsFor(cell, [3, 1, 2]), { cell, reverse }).output, { projected });
    expect(run(true, values)).toEqual(flip(run(false, flip(values, rows)), 2));
  });
});

describe('recurrence', () => {
  const { cell } = cellVariants.find(
    ({ kind }) => kind === 'lstm',
  ) as (typeof cellVariants)[number];
  const run = (projected: number[], weight: number[], initial: number[], bias = [8]) =>
    recurrence(
      {
        projected: input('p', projected),
        weight: input('w', weight),
        initial: input('i', initial),
        bias: input('b', bias),
      },
      { cell, reverse: false },
      'lstm/recurrence_l0',
    );

  it('names the shapes that do not fit', () => {
    expect(() => run([3, 1, 7], [8, 2], [2, 1, 2])).toThrow(
      'lstm/recurrence_l0: projected input is [3, 1, 7], expected a last axis that is a multiple of 4 gates.',
    );
    expect(() => run([3, 1, 8], [8, 3], [2, 1, 2])).toThrow(
      'lstm/recurrence_l0: weight_hh is [8, 3], expected [8, 2]. Rows are gates times units.',
    );
    expect(() => run([3, 1, 8], [8, 2], [1, 1, 2])).toThrow(
      'initial state is [1, 1, 2], expected [2, 1, 2]. States are h, c.',
    );
    expect(() => run([3, 1, 8], [8, 2], [2, 1, 2], [4])).toThrow(
      'bias_hh is [4], expected [8]. One per gate and unit.',
    );
  });
});

describe('whole models', () => {
  const [STEPS, BATCH, VOCABULARY] = [3, 2, 4];
  const inputs = new Map([
    ['tokens', Int32Array.of(0, 3, 1, 1, 2, 0)],
    ['targets', Int32Array.of(3, 1, 1, 2, 0, 0)],
  ]);

  function errorOf(define: ModelFunction): number {
    const type = { shape: [STEPS, BATCH], dtype: 'i32' } as const;
    const traced = model(define).trace({ tokens: type, targets: type });
    const output = traced.outputs.output as SymbolicTensor;
    const loss = softmaxCrossEntropy(output, traced.inputs.targets as SymbolicTensor);
    return parameterGradientError(loss, { inputs });
  }

  it.each(['rnn', 'lstm', 'gru'] as CellName[])('two bidirectional layers of %s', (cell) => {
    const layer = recurrent(cell, 2, { layers: 2, direction: 'bidirectional' });
    const [embed, head] = [embeddingLayer(VOCABULARY, 2), linearLayer(VOCABULARY)];
    const error = errorOf(({ tokens }) => head(layer(embed(tokens as SymbolicTensor))));
    expect(error).toBeLessThan(1e-7);
  });

  it('a layer applied twice sums its gradients', () => {
    const [embed, layer, head] = [embeddingLayer(VOCABULARY, 2), rnn(2), linearLayer(VOCABULARY)];
    const error = errorOf(({ tokens }) => head(layer(layer(embed(tokens as SymbolicTensor)))));
    expect(error).toBeLessThan(1e-7);
  });

  it('a state that is handed over carries gradients back', () => {
    const [encoder, decoder] = [lstm(2, { layers: 2 }), lstm(2, { layers: 2 })];
    const [embed, head] = [embeddingLayer(VOCABULARY, 2), linearLayer(VOCABULARY)];
    const error = errorOf(({ tokens, targets }) => {
      const { state } = encoder.run(embed(tokens as SymbolicTensor));
      return head(decoder.run(embed(targets as SymbolicTensor), state).output);
    });
    expect(error).toBeLessThan(1e-7);
  });

  it('a state given for h only leaves c at zero, and final states have gradients of their own', () => {
    const [first, second] = [lstm(2), gru(2)];
    const [embed, head] = [embeddingLayer(VOCABULARY, 2), linearLayer(VOCABULARY)];
    const error = errorOf(({ tokens }) => {
      const x = embed(tokens as SymbolicTensor);
      const { state } = second.run(x);
      const { output, state: last } = first.run(x, { h: state.h as SymbolicTensor });
      return head(add(output, reshape(last.c as SymbolicTensor, [BATCH, 2])));
    });
    expect(error).toBeLessThan(1e-7);
  });

  it('one parameter that feeds another computation twice', () => {
    const [a, b] = ['a', 'b'].map((name) =>
      parameter({ name, shape: [2, 3], initialize: () => new Float32Array(6) }),
    ) as [SymbolicTensor, SymbolicTensor];
    const mixed = add(a, scale(b, 2));
    expect(parameterGradientError(sum(multiply(square(mixed), a)))).toBeLessThan(1e-8);
  });
});

describe('differentiate', () => {
  it('gives undefined where nothing flows, and walks no other path', () => {
    const [x, unused, tokens] = [input('x', [2]), input('u', [2]), input('t', [1], 'i32')];
    const loss = sum(square(x));
    expect(differentiate(loss, [unused, x])[0]).toBeUndefined();
    const lookup = sum(embedding(tokens, input('table', [3, 2])));
    expect(differentiate(lookup, [tokens])).toEqual([undefined]);
  });

  it('takes the gradient of the loss itself', () => {
    const x = input('x', [2]);
    const [gradient] = differentiate(square(x), [x], input('seed', [2]));
    expect(evaluate(gradient as SymbolicTensor, { x: [3, 5], seed: [1, 10] })).toEqual([6, 100]);
  });

  it('says which operator has no gradient', () => {
    const x = input('x', [2]);
    const [gradient] = differentiate(sum(linear(x, input('w', [3, 2]))), [x]) as [SymbolicTensor];
    const w = gradient.node.inputs[1] as SymbolicTensor;
    expect(() => differentiate(sum(gradient), [w])).toThrow(
      "linear.d_input: operator 'linear-input-gradient' has no gradient.",
    );
  });
});
