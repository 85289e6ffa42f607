import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { cells } from '../../../src/cells/registry.ts';
import {
  addTrainOptions,
  cellOptionNames,
  listGivenSettings,
  readSettings,
  type TrainFlags,
} from '../../../src/cli/train-options.ts';
import {
  buildCharacterModel,
  buildOptimizer,
  buildSchedule,
  readStoredRun,
} from '../../../src/cli/train-settings.ts';

function parse(...args: string[]) {
  const command = addTrainOptions(new Command('train')).exitOverride();
  command.parse(args, { from: 'user' });
  return { command, settings: readSettings(command.opts<TrainFlags>(), command.opts()) };
}

describe('settings', () => {
  it('become layers', () => {
    const { settings } = parse(
      ...['--cell', 'gru', '--reset', 'before', '--update', 'replace', '--hidden', '32'],
      ...['--layers', '2', '--embedding', '16', '--dropout', '0.25'],
    );
    expect(buildCharacterModel(settings, 50).config).toEqual([
      { kind: 'embedding', vocabularySize: 50, size: 16 },
      {
        kind: 'gru',
        hiddenSize: 32,
        layers: 2,
        dropout: 0.25,
        reset: 'before',
        update: 'replace',
      },
      { kind: 'dropout', rate: 0.25 },
      { kind: 'linear', outputSize: 50 },
    ]);
  });

  it('become options of the recurrent layers, and a layer norm behind them', () => {
    const { command, settings } = parse(
      ...['--layers', '2', '--residual', '--layer-norm', '--input-dropout', '0.1'],
      ...['--weight-dropout', '0.5', '--recurrent-dropout', '0.2', '--zoneout', '0.05'],
      ...['--peepholes', 'true', '--clip', '3', '--activations', 'hardsigmoid, tanh, tanh'],
    );
    const config = [
      { kind: 'oneHot', vocabularySize: 5 },
      {
        kind: 'lstm',
        hiddenSize: 128,
        layers: 2,
        inputDropout: 0.1,
        recurrentDropout: 0.2,
        weightDropout: 0.5,
        zoneout: 0.05,
        residual: true,
        peepholes: true,
        clip: 3,
        activations: ['hardsigmoid', 'tanh', 'tanh'],
      },
      { kind: 'layerNorm' },
      { kind: 'linear', outputSize: 5 },
    ];
    const stored = JSON.parse(JSON.stringify(settings)) as typeof settings;
    expect(buildCharacterModel(stored, 5).config).toEqual(config);
    expect(listGivenSettings(command)).toEqual(
      expect.arrayContaining(['residual', 'layerNorm', 'inputDropout', 'weightDropout', 'zoneout']),
    );
    const plain = parse().settings;
    expect(Object.keys(plain)).not.toContain('residual');
    expect(() => buildCharacterModel(parse('--residual').settings, 5)).toThrow(
      'lstm: residual is true with 1 layer, expected at least 2',
    );
    expect(() => buildCharacterModel(parse('--peepholes', 'yes').settings, 5)).toThrow('peepholes');
  });

  it('are refused by the cell that does not know them', () => {
    const { settings } = parse('--cell', 'lstm', '--reset', 'before');
    expect(() => buildCharacterModel(settings, 50)).toThrow("lstm: unknown option 'reset'");
  });

  it('build every registered cell, with heads where it has recurrent weights', () => {
    const layerOf = (...flags: string[]) =>
      buildCharacterModel(parse('--hidden', '8', ...flags).settings, 50).config?.[1];
    expect(layerOf('--cell', 'slstm', '--heads', '4', '--forget', 'exponential')).toMatchObject({
      kind: 'slstm',
      heads: 4,
      forget: 'exponential',
    });
    expect(layerOf('--cell', 'minGru', '--candidate', 'positive')).toMatchObject({
      kind: 'minGru',
      candidate: 'positive',
    });
    expect(() => layerOf('--cell', 'minLstm', '--heads', '2')).toThrow(
      "minLstm: unknown option 'heads'",
    );
    expect(listGivenSettings(parse('--heads', '2').command)).toEqual(['heads']);
    expect(layerOf('--cell', 'gru', '--cell-layer-norm', 'true')).toMatchObject({
      layerNorm: true,
    });
    expect(layerOf('--cell', 'gru', '--layer-norm')).not.toHaveProperty('layerNorm');
    expect(listGivenSettings(parse('--cell-layer-norm', 'true').command)).toEqual([
      'cellLayerNorm',
    ]);
  });

  it('take every option of every registered cell', () => {
    const names = Object.values(cells).flatMap(({ optionNames }) => optionNames);
    expect([...cellOptionNames.keys()].sort()).toEqual([...new Set(names)].sort());
  });

  it('choose the optimizer and its rate', () => {
    expect(buildOptimizer(parse().settings)).toMatchObject({ name: 'adam', learningRate: 0.01 });
    const sgd = buildOptimizer(parse('--optimizer', 'sgd', '--momentum', '0.9').settings);
    expect(sgd).toMatchObject({ name: 'sgd', learningRate: 1e-3, options: { momentum: 0.9 } });
    const wrong = parse('--optimizer', 'adam', '--momentum', '0.9').settings;
    expect(() => buildOptimizer(wrong)).toThrow("adam: option 'momentum' is unknown");
  });

  it('run the schedule over the steps after the warm-up', () => {
    const { settings } = parse('--steps', '300', '--warm-up', '100');
    expect(buildSchedule(settings)).toMatchObject({
      curve: { kind: 'cosine', totalSteps: 200 },
      warmUp: { steps: 100 },
    });
  });

  it('name the precision only where it is asked for', () => {
    expect(parse().settings).not.toHaveProperty('precision');
    expect(parse('--precision', 'f16').settings.precision).toBe('f16');
    expect(listGivenSettings(parse('--precision', 'f16').command)).toEqual(['precision']);
  });

  it('have another name for the length of a sequence', () => {
    expect(parse('--bptt', '32').settings.sequence).toBe(32);
    expect(parse('--sequence', '32').settings.sequence).toBe(32);
  });
});

it('knows which settings the user gave, not how far to train', () => {
  const { command } = parse(
    '--hidden',
    '8',
    '--steps',
    '4',
    '--reset',
    'after',
    '--device',
    'auto',
  );
  expect(listGivenSettings(command)).toEqual(['hidden', 'reset']);
});

it('refuses a checkpoint of another program', () => {
  expect(() => readStoredRun({ mine: 1 }, 'x.safetensors')).toThrow(
    "x.safetensors: the checkpoint does not say how it was trained, expected one that 'gatefold " +
      "train' has saved.",
  );
});
