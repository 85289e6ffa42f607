import { describe, expect, it } from 'vitest';
import { input } from '../../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import { linear, oneHot } from '../../../src/layers/basic.ts';
import { sequential } from '../../../src/layers/model.ts';
import { lstm, slstm } from '../../../src/layers/recurrent.ts';
import { blockDiagonal } from '../../../src/ops/block-diagonal.ts';
import { softmaxCrossEntropy } from '../../../src/ops/softmax-cross-entropy.ts';
import { evaluate, gradientError } from '../../support/gradient-check.ts';
import { parameterGradientError } from './parameter-check.ts';

describe('blocks of heads', () => {
  it('lie on the diagonal of every gate', () => {
    const blocks = input('blocks', [8, 2]);
    const values = { blocks: Array.from({ length: 16 }, (_none, at) => at + 1) };
    expect(evaluate(blockDiagonal(blocks, 4), values)).toEqual([
      ...[1, 2, 0, 0],
      ...[3, 4, 0, 0],
      ...[0, 0, 5, 6],
      ...[0, 0, 7, 8],
      ...[9, 10, 0, 0],
      ...[11, 12, 0, 0],
      ...[0, 0, 13, 14],
      ...[0, 0, 15, 16],
    ]);
  });

  it('have the right gradients', () => {
    expect(gradientError(blockDiagonal(input('blocks', [12, 2]), 6))).toBeLessThan(1e-8);
  });

  it('name the shape that does not fit', () => {
    expect(() => blockDiagonal(input('b', [12, 4]), 6, 'lstm/heads_l0')).toThrow(
      'lstm/heads_l0: blocks are [12, 4], expected [gates·6, D] with a D that divides 6, a row per gate and unit.',
    );
  });
});

describe('a layer with heads', () => {
  const type = { shape: [3, 2], dtype: 'i32' } as const;

  it.each([
    ['lstm', lstm],
    ['slstm', slstm],
  ] as const)('%s has a block per gate and head, and gradients of all', (name, make) => {
    const layer = make(4, { heads: 2, layers: 2, recurrentInitializer: 'orthogonal' });
    const traced = sequential([oneHot(4), layer, linear(4)]).trace({ input: type, target: type });
    expect(traced.parameters.get(`${name}.weight_hh_l1`)?.parameter.shape).toEqual([16, 2]);
    const loss = softmaxCrossEntropy(
      traced.outputs.output as SymbolicTensor,
      traced.inputs.target as SymbolicTensor,
    );
    const inputs = new Map([
      ['input', Int32Array.of(0, 3, 1, 1, 2, 0)],
      ['target', Int32Array.of(3, 1, 1, 2, 0, 0)],
    ]);
    expect(parameterGradientError(loss, { inputs })).toBeLessThan(1e-7);
  });

  it('with one head is the plain layer: no operator more', () => {
    const names = (heads?: number) => {
      const layer = lstm(4, heads === undefined ? {} : { heads });
      const { outputs } = sequential([oneHot(4), layer]).trace({ input: type });
      return outputs.output?.node.inputs.map(({ label }) => label);
    };
    expect(names(1)).toEqual(names());
    expect(names(2)).toContain('lstm/heads_l0');
  });
});
