import { describe, expect, it } from 'vitest';
import type { PlanLimits } from '../../../src/graph/operator.ts';
import { mapRows, splitGrid } from '../../../src/ops/grid.ts';
import { narrowLimits } from '../schedule/limits.ts';

const limits = (laneWidth: number): PlanLimits => ({
  ...narrowLimits,
  laneWidth,
  isSoftware: laneWidth <= 8,
});

describe('splitGrid', () => {
  it('keeps one axis as long as it can', () => {
    expect(splitGrid(1)).toEqual([1, 1, 1]);
    expect(splitGrid(65_535)).toEqual([65_535, 1, 1]);
  });

  it('covers what one axis cannot, with less than one row too many', () => {
    for (const workgroups of [65_536, 65_537, 131_071, 1_000_003, 40_000_000]) {
      const [x, y, z] = splitGrid(workgroups);
      expect(x).toBeLessThanOrEqual(65_535);
      expect(y).toBeGreaterThan(1);
      expect(z).toBe(1);
      expect(x * y).toBeGreaterThanOrEqual(workgroups);
      expect(x * y - workgroups).toBeLessThan(y);
    }
  });

  it('never gives an empty dispatch', () => {
    expect(splitGrid(0)).toEqual([1, 1, 1]);
  });
});

describe('mapRows', () => {
  it('gives short rows and narrow adapters one thread a row', () => {
    expect(mapRows(limits(32), 65, 32)).toEqual({ rowThreads: 1, workgroups: [2, 1, 1] });
    expect(mapRows(limits(4), 64, 5000)).toEqual({ rowThreads: 1, workgroups: [1, 1, 1] });
  });

  it('gives long rows of a wide adapter a workgroup each', () => {
    expect(mapRows(limits(32), 65, 33)).toEqual({ rowThreads: 64, workgroups: [65, 1, 1] });
  });
});
