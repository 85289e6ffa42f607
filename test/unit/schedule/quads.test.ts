import { describe, expect, it } from 'vitest';
import type { PlanLimits } from '../../../src/graph/operator.ts';
import { type KernelName, kernels } from '../../../src/kernels/generated/index.ts';
import { cellParts } from '../../../src/kernels/generated/parts.ts';
import { joinKernel } from '../../../src/kernels/join.ts';
import type { Layer } from '../../../src/layers/layer.ts';
import { gru, lstm } from '../../../src/layers/recurrent.ts';
import { planLanguageModel } from './language-model.ts';
import { narrowLimits, wideLimits } from './limits.ts';

/** Threads of each recurrent launch, and how many barriers its text has. */
function describeRecurrences(layer: Layer, limits: PlanLimits, batch = 32) {
  const { launches } = planLanguageModel({ steps: 16, batch, vocabulary: 30, layer }, { limits });
  return launches
    .filter(({ kernel }) => kernel.startsWith('recurrence-'))
    .map(({ kernel, cell, constants, workgroups }) => {
      const { code } = joinKernel({
        kernel: kernels[kernel as KernelName],
        cell: cellParts[cell as keyof typeof cellParts],
        constants,
      });
      const threads = Number(constants.lanes) * Number(constants.slices);
      return { threads, workgroups, barriers: code.match(/\w+Barrier\(\)/g)?.length ?? 0 };
    });
}

describe('a recurrence whose workgroups are quads', () => {
  const quads = { threads: 4, workgroups: [2, 1, 1], barriers: 0 };

  it('waits for nothing, on an adapter whose subgroups are quads', () => {
    for (const layer of [lstm(128), gru(20), gru(64, { reset: 'before' })]) {
      expect(describeRecurrences(layer, narrowLimits)).toEqual([quads, quads]);
    }
  });

  it('leaves two cores a direction each', () => {
    const layer = lstm(64, { direction: 'bidirectional' });
    const track = { threads: 4, workgroups: [1, 1, 2], barriers: 0 };
    expect(describeRecurrences(layer, narrowLimits, 16)).toEqual([track, track]);
  });

  it.each([
    ['where a cell reads whole rows', lstm(64, { layerNorm: true }), narrowLimits],
    ['where subgroups are wider', lstm(64), { ...narrowLimits, laneWidth: 8 }],
    ['where a quad cannot swap', lstm(64), { ...narrowLimits, hasSubgroups: false }],
    ['on a GPU', lstm(64), wideLimits],
  ])('is not chosen %s', (_where, layer, limits) => {
    for (const { threads, barriers } of describeRecurrences(layer, limits)) {
      expect(threads).toBeGreaterThan(4);
      expect(barriers).toBeGreaterThan(0);
    }
  });
});

describe('a recurrence of many units on a software adapter', () => {
  it.each([
    [4, 24, 24, 192],
    [8, 32, 16, 128],
  ])(
    'whose vectors hold %i numbers, of %i rows: %i in a thread, %i sums',
    (laneWidth, batch, rows, sums) => {
      const limits = { ...narrowLimits, laneWidth };
      const plan = planLanguageModel(
        { steps: 16, batch, vocabulary: 30, layer: lstm(512) },
        { limits },
      );
      const { constants } =
        plan.launches.find(({ kernel }) => kernel === 'recurrence-forward') ?? {};
      expect(constants).toMatchObject({ rows, units: sums / rows / 4 });
    },
  );
});
