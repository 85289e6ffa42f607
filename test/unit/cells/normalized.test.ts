import { describe, expect, it } from 'vitest';
import type { CellNorm } from '../../../src/cells/cell.ts';
import { normOf } from '../../../src/cells/normalized.ts';
import { cells } from '../../../src/cells/registry.ts';
import { cellOptionVariants, cellVariants } from '../../device-cases/core-variants.ts';
import { readConstants } from './cell-wgsl.ts';

const all = [...cellVariants, ...cellOptionVariants];
const normalized = all.filter(({ cell }) => cell.norms);

describe('cells without norms', () => {
  it('say so in WGSL', () => {
    for (const { cell, name } of all.filter((variant) => !variant.cell.norms)) {
      expect(readConstants(cell).scalar('norm_parameters'), name).toBe(0);
    }
  });
});

describe.each(normalized)('$name', ({ cell }) => {
  it('declares its norms in WGSL as in TypeScript', () => {
    const { scalar, list } = readConstants(cell);
    const byPhase = (read: (norm: CellNorm) => number) =>
      [...cell.phases, []].map((_range, phase) => {
        const norm = normOf(cell, phase);
        return norm ? read(norm) : 0;
      });
    expect(scalar('norm_parameters')).toBe(cell.parameters.length);
    expect(list('norm_values')).toEqual(byPhase(({ count }) => count));
    expect(list('norm_saved')).toEqual(byPhase(({ values }) => values));
    expect(list('norm_statistics')).toEqual(byPhase(({ statistics }) => statistics));
    expect(list('norm_gains')).toEqual(byPhase(({ gain }) => gain));
    expect(list('norm_shifts')).toEqual(byPhase(({ shift }) => shift));
    const phaseOf = (gate: number) =>
      cell.phases.findIndex(([first, end]) => gate >= first && gate < end);
    expect(list('gate_norm')).toEqual(cell.gates.map((_name, gate) => phaseOf(gate) + 1));
    expect(list('gradient_phase')).toEqual(cell.gates.map((_name, gate) => phaseOf(gate)));
  });

  it('has tensors for all parameters, one behind the other', () => {
    const counts = (cell.parameterTensors ?? []).map(({ count }) => count);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(cell.parameters.length);
  });
});

describe('what does not go with layerNorm', () => {
  it('is refused, with what to do instead', () => {
    expect(() => cells.lstm.create({ layerNorm: true, peepholes: true })).toThrow(
      'lstm: layerNorm is true and peepholes is given, expected one of them: a peephole would pass the cell by the ' +
        'norms. Leave peepholes out.',
    );
    expect(() => cells.lstm.create({ layerNorm: true, projectionSize: 2 })).toThrow(
      'lstm: layerNorm is true and projectionSize is given, expected one of them: the normalised LSTM has no ' +
        'projection. Leave projectionSize out, and put linear() behind the layer.',
    );
    expect(() => cells.gru.create({ layerNorm: 1 })).toThrow(
      'gru: option layerNorm is 1, expected true or false.',
    );
  });
});
