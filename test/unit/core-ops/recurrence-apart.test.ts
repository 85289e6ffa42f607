import { describe, expect, it } from 'vitest';
import type { Cell, CellOptions } from '../../../src/cells/cell.ts';
import { cells } from '../../../src/cells/registry.ts';
import { apartShape, applyApartRule } from '../../../src/ops/recurrence-apart.ts';
import type { RecurrenceAttributes, RecurrenceShape } from '../../../src/ops/recurrence-shape.ts';
import { tuneRecurrence } from '../../../src/ops/recurrence-tunable.ts';
import { narrowLimits, wideLimits } from '../schedule/limits.ts';

function attributesOf(
  name: 'lstm' | 'gru' = 'lstm',
  options: CellOptions = {},
  changes: Partial<RecurrenceAttributes> = {},
): RecurrenceAttributes {
  const cell = cells[name].create(options) as Cell;
  return { cell, steps: 64, batch: 32, hiddenSize: 256, reverse: false, ...changes };
}

describe('products as launches of their own', () => {
  it('are the rule where a narrow adapter of quads has many rows and much to do', () => {
    const shape = applyApartRule(narrowLimits, attributesOf());
    expect(shape).toMatchObject({ productsApart: true, strategy: 'stepwise', rows: 32, lanes: 4 });
    expect(applyApartRule(narrowLimits, attributesOf('gru'))).toBeDefined();
  });

  it.each([
    ['on a GPU', wideLimits, attributesOf()],
    ['where vectors hold 8 numbers', { ...narrowLimits, laneWidth: 8 }, attributesOf()],
    ['without subgroups', { ...narrowLimits, hasSubgroups: false }, attributesOf()],
    ['in a resident plan', { ...narrowLimits, residentLanes: 64 }, attributesOf()],
    ['of few steps', narrowLimits, attributesOf('lstm', {}, { steps: 8 })],
    ['of rows that leave tiles empty', narrowLimits, attributesOf('lstm', {}, { batch: 48 })],
    ['of a projected state', narrowLimits, attributesOf('lstm', {}, { stateSize: 200 })],
    ['of a cell that normalises', narrowLimits, attributesOf('lstm', { layerNorm: true })],
  ])('are not, %s', (_where, limits, attributes) => {
    expect(applyApartRule(limits, attributes)).toBeUndefined();
  });

  it.each([
    [{}, undefined],
    [{ units: 2, unitTile: 8 }, /goes with stepwise and one unit per thread/],
    [{ strategy: 'persistent', unitTile: 256 }, /goes with stepwise/],
    [{ stages: true }, /without slices, spreads and stages/],
    [{ slices: 4 }, /without slices, spreads and stages/],
  ] as const)('with %j are refused or not', (changes, expected) => {
    const attributes = attributesOf();
    const shape = { ...apartShape(narrowLimits, attributes), ...changes } as RecurrenceShape;
    const rules = { applyRule: () => shape, applyFusedRule: () => shape };
    const subject = { attributes, direction: 'forward', requested: undefined } as const;
    const refusal = tuneRecurrence(narrowLimits, subject, shape, rules).refuse(shape);
    if (expected) expect(refusal).toMatch(expected);
    else expect(refusal).toBeUndefined();
  });

  it('are refused where the cell cannot have them', () => {
    const attributes = attributesOf('lstm', {}, { steps: 1 });
    const shape = apartShape(narrowLimits, attributes);
    const rules = { applyRule: () => shape, applyFusedRule: () => shape };
    const subject = { attributes, direction: 'backward', requested: undefined } as const;
    expect(tuneRecurrence(narrowLimits, subject, shape, rules).refuse(shape)).toBe(
      'productsApart: a single step reads its state where it is given',
    );
  });
});
