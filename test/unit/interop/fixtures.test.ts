import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compareCase } from '../../../src/interop/case-compare.ts';
import { parseParityCase } from '../../../src/interop/case-file.ts';
import { explainUnsupported } from '../../../src/interop/case-options.ts';
import { listModelParameters, listRecurrentParameters } from '../../../src/interop/case-tensors.ts';
import { readSafetensors, writeSafetensors } from '../../../src/interop/safetensors.ts';
import { caseFiles, readCaseFile } from './case-fixtures.ts';

describe('the committed cases', () => {
  it.each(caseFiles)('%s is a case that asks for every gradient', (file) => {
    const parsed = parseParityCase(readCaseFile(file), file);
    expect(parsed.unknownTensors).toEqual([]);
    expect(parsed.expected.size).toBe(parsed.checks.length);
    const asked =
      parsed.kind === 'train'
        ? listModelParameters(parsed).flatMap(({ name }) => [`grad0.${name}`, `final.${name}`])
        : listRecurrentParameters(parsed).map(({ name }) => `grad.${name}`);
    expect(parsed.checks).toEqual(expect.arrayContaining(asked));
    expect(compareCase(parsed, parsed.expected)).toMatchObject({ pass: true });
    for (const { atol } of parsed.tolerances.values()) expect(atol).toBeLessThanOrEqual(1e-4);
  });

  it.each(caseFiles)('%s is written back byte for byte as the official writer wrote it', (file) => {
    const bytes = readCaseFile(file);
    const { tensors, metadata } = readSafetensors(bytes);
    expect(Buffer.compare(writeSafetensors(tensors, metadata), bytes)).toBe(0);
  });

  it('cover every cell, direction, optimizer and edge size', () => {
    const cases = caseFiles.map((file) => parseParityCase(readCaseFile(file), file));
    const operators = cases.filter(({ kind }) => kind === 'operator');
    const traces = cases.filter((each) => each.kind === 'train');
    const cellOf = (each: (typeof cases)[number]) =>
      ({ rnn: `rnn ${each.nonlinearity}`, gru: `gru ${each.gruReset}` })[each.op as 'rnn'] ??
      each.op;
    const cells = ['gru after', 'gru before', 'lstm', 'rnn relu', 'rnn tanh'];
    expect([...new Set(operators.map(cellOf))].sort()).toEqual(cells);
    expect([...new Set(traces.map(cellOf))].sort()).toEqual(cells);
    for (const cell of cells) {
      const own = operators.filter((each) => cellOf(each) === cell);
      expect(new Set(own.map(({ direction }) => direction)).size, cell).toBe(3);
      expect(new Set(own.map(({ bias }) => bias)).size, cell).toBe(2);
      expect(new Set(own.map(({ layers }) => layers)), cell).toEqual(new Set([1, 2, 3]));
      expect(Math.max(...own.map(({ hiddenSize }) => hiddenSize)), cell).toBeGreaterThan(64);
      expect(Math.max(...own.map(({ steps }) => steps)), cell).toBe(64);
      expect(Math.max(...own.map(({ batch }) => batch)), cell).toBe(33);
    }
    const optimizers = new Set(traces.map(({ training }) => training.optimizer.name));
    expect([...optimizers].sort()).toEqual(['Adam', 'AdamW', 'RMSprop', 'SGD']);
  });
});

describe('a training trace', () => {
  const file = 'train-lstm-stateful-onehot-adam-decay-clip.safetensors';
  const bytes = readCaseFile(file);

  it('reads its optimizer with the defaults of PyTorch filled in', () => {
    const parsed = parseParityCase(bytes, file);
    expect(parsed.kind === 'train' && parsed.training).toMatchObject({
      input: 'onehot',
      vocabularySize: 11,
      stateful: true,
      clipGradNorm: 0.15,
      optimizer: {
        name: 'Adam',
        learningRate: 0.01,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-6,
        weightDecay: 0.02,
      },
      unknownOptimizerSettings: [],
    });
  });

  function rewrite(change: (train: Record<string, unknown>) => void) {
    const { tensors, metadata } = readSafetensors(bytes);
    const parsed = JSON.parse(metadata.case ?? '') as { train: Record<string, unknown> };
    change(parsed.train);
    return parseParityCase(writeSafetensors(tensors, { case: JSON.stringify(parsed) }), file);
  }

  it('reports optimizer settings that it does not know, unless they are off', () => {
    const optimizer = { name: 'Adam', amsgrad: true, maximize: false, foreach: null };
    const parsed = rewrite((train) => {
      train.optimizer = optimizer;
    });
    expect(explainUnsupported(parsed)).toBe('not known: optimizer amsgrad=true');
  });

  it('refuses unknown optimizers and tokens outside the vocabulary', () => {
    const setOptimizer = (optimizer: unknown) => () =>
      rewrite((train) => {
        train.optimizer = optimizer;
      });
    expect(setOptimizer({ name: 'LBFGS' })).toThrow(/'train.optimizer.name' is "LBFGS"/);
    expect(setOptimizer({ name: 'SGD', lr: 'x' })).toThrow(/'train.optimizer.lr' is "x"/);
    const { tensors, metadata } = readSafetensors(bytes);
    (tensors.get('targets')?.data as Int32Array)[5] = 11;
    expect(() => parseParityCase(writeSafetensors(tensors, metadata), file)).toThrow(
      "tensor 'targets' holds 11 at element 5, expected 0 to 10",
    );
  });
});

describe('the schedule tables', () => {
  it('hold a learning rate for every step', () => {
    const slack = 1 + 1e-9; // PyTorch's cosine is recursive and may end an ulp above its start.
    const url = new URL('../../fixtures/schedules.json', import.meta.url);
    const tables = JSON.parse(readFileSync(url, 'utf8')) as {
      baseLearningRate: number;
      schedules: { name: string; learningRates: number[] }[];
      plateaus: { metrics: number[]; learningRatesAfter: number[] }[];
    };
    const names = new Set(tables.schedules.map(({ name }) => name));
    expect([...names]).toEqual(['StepLR', 'CosineAnnealingLR', 'LinearLR', 'SequentialLR']);
    for (const { learningRates } of tables.schedules) {
      expect(learningRates.length).toBeGreaterThanOrEqual(10);
      expect(
        learningRates.every((rate) => rate >= 0 && rate <= tables.baseLearningRate * slack),
      ).toBe(true);
    }
    for (const { metrics, learningRatesAfter } of tables.plateaus) {
      expect(learningRatesAfter.length).toBe(metrics.length);
    }
  });
});
