import { describe, expect, it } from 'vitest';
import { cells } from '../../../src/cells/registry.ts';
import type { PlanLimits } from '../../../src/graph/operator.ts';
import { applyHoldRule } from '../../../src/ops/recurrence-hold.ts';
import { narrowLimits, wideLimits } from '../schedule/limits.ts';

/** An NVIDIA GPU's. */
const gpu: PlanLimits = {
  ...wideLimits,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupStorageSize: 49_152,
  registers: 65_536,
};

function hold(
  cellName: 'rnn' | 'lstm' | 'gru',
  hiddenSize: number,
  {
    batch = 32,
    steps = 64,
    limits = gpu,
    direction = 'forward' as 'forward' | 'backward',
    trains = true,
    options = {},
  } = {},
) {
  const cell = cells[cellName].create(options);
  const attributes = { cell, steps, batch, hiddenSize, reverse: false };
  const shape = applyHoldRule(limits, attributes, direction, trains);
  return shape && [shape.rows, shape.lanes, shape.heldQuads];
}

describe('weights in registers of a GPU', () => {
  it.each(['forward', 'backward'] as const)('are those that fit, %s', (direction) => {
    expect(hold('lstm', 128, { direction })).toEqual([1, 128, 8]);
    expect(hold('gru', 50, { direction })).toEqual([1, 56, 4]);
    expect(hold('gru', 160, { direction })).toEqual([1, 160, 8]);
    expect(hold('rnn', 256, { direction })).toEqual([1, 256, 16]);
  });

  it('serve up to four rows of 32 workgroups', () => {
    const rowsOf = (batch: number) => hold('lstm', 64, { batch })?.[0];
    expect([1, 32, 33, 128, 129].map(rowsOf)).toEqual([1, 1, 2, 4, undefined]);
  });

  it.each<[string, Parameters<typeof hold>]>([
    ['most would be loaded', ['lstm', 192]],
    ['there are too few steps', ['lstm', 64, { steps: 3 }]],
    ['registers are not known', ['lstm', 64, { limits: wideLimits }]],
    ['there are no subgroups', ['lstm', 64, { limits: { ...gpu, hasSubgroups: false } }]],
    ['workgroups are too small', ['lstm', 128, { limits: { ...wideLimits, registers: 65_536 } }]],
    ['one workgroup runs the plan', ['lstm', 64, { limits: { ...gpu, residentLanes: 64 } }]],
    ['the cell normalises', ['lstm', 64, { options: { layerNorm: true } }]],
  ])('are not held where %s', (_why, [cell, hiddenSize, given]) => {
    expect(hold(cell, hiddenSize, given)).toBeUndefined();
  });
});

describe('weights in memory of a software adapter’s threads', () => {
  const limits = narrowLimits;

  it('are those of two rows where it trains', () => {
    expect(hold('lstm', 256, { limits, batch: 2 })).toEqual([1, 32, 16]);
    expect(hold('lstm', 256, { limits, batch: 3 })).toBeUndefined();
    expect(hold('lstm', 128, { limits, batch: 2, direction: 'backward' })).toEqual([1, 16, 8]);
    expect(hold('lstm', 128, { limits, batch: 3, direction: 'backward' })).toBeUndefined();
    expect(hold('lstm', 129, { limits, batch: 1, direction: 'backward' })).toBeUndefined();
  });

  it('are those of more rows where only the forward pass is computed', () => {
    const rowsOf = (batch: number) => hold('lstm', 64, { limits, batch, trains: false })?.[0];
    expect([1, 2, 3, 8, 9].map(rowsOf)).toEqual([1, 1, 2, 2, undefined]);
  });

  it('are not held for few steps', () => {
    expect(hold('lstm', 64, { limits, batch: 1, steps: 15 })).toBeUndefined();
  });
});
