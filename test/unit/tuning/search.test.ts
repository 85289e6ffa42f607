import { describe, expect, it } from 'vitest';
import { searchShape } from '../../../src/tuning/search.ts';
import { FakeArena, watchSearch, widthTunable } from './fake-arena.ts';

describe('the search for a shape', () => {
  it('climbs from the best form for as long as a step helps', async () => {
    const arena = new FakeArena({ 4: 10, 64: 8, 128: 6, 256: 7, 32: 9 });
    const { options, reports } = watchSearch();
    const result = await searchShape(widthTunable(64), arena, options);
    expect(result).toEqual({ shape: { width: 128 }, ms: 6, ruleMs: 10, candidates: 4 });
    expect(arena.prepared).toEqual([4, 64, 128, 256]);
    expect(reports.map(({ shape, outcome }) => [shape.width, outcome])).toEqual([
      [64, 'better'],
      [128, 'better'],
      [256, 'slower'],
    ]);
    expect(reports[0]?.reason).toBe('8.00 ms against 10.00 ms, ratio 0.80');
    expect(arena.alive).toBe(0);
  });

  it('measures in turn, and the first of a round alternates', async () => {
    const arena = new FakeArena({ 4: 10, 64: 9.9 });
    await searchShape({ ...widthTunable(64), neighbours: () => [] }, arena, watchSearch().options);
    expect(arena.measured.slice(0, 10)).toEqual([4, 64, 64, 4, 4, 64, 64, 4, 4, 64]);
  });

  it('leaves the rule in place on a tie and within the margin', async () => {
    for (const ms of [10, 9.6]) {
      const arena = new FakeArena({ 4: 10, 64: ms });
      const result = await searchShape(widthTunable(64), arena, watchSearch().options);
      expect(result).toMatchObject({ shape: { width: 4 }, ms: 10, ruleMs: 10 });
    }
    const arena = new FakeArena({ 4: 10, 64: 9.5 });
    const { shape } = await searchShape(widthTunable(64), arena, watchSearch().options);
    expect(shape).toEqual({ width: 64 });
  });

  it('does not believe one lucky measurement, nor a median that only other work has made', async () => {
    const lucky = new FakeArena({ 4: 10, 64: [10, 2, 10, 10, 10] });
    expect(await searchShape(widthTunable(64), lucky, watchSearch().options)).toMatchObject({
      shape: { width: 4 },
    });
    const disturbed = new FakeArena({ 4: [10, 30, 30, 30, 10], 64: 10 });
    expect(await searchShape(widthTunable(64), disturbed, watchSearch().options)).toMatchObject({
      shape: { width: 4 },
    });
  });

  it('lets the winner meet the rule once more', async () => {
    // Faster in its first duel only.
    const arena = new FakeArena({ 4: 10, 64: [8, 8, 8, 8, 8, 20, 20, 20, 20, 20, 20] });
    const tunable = { ...widthTunable(64), neighbours: () => [] };
    const { options, reports } = watchSearch();
    const result = await searchShape(tunable, arena, options);
    expect(reports.map(({ outcome }) => outcome)).toEqual(['better']);
    expect(result).toEqual({ shape: { width: 4 }, ms: 10, ruleMs: 10, candidates: 2 });
    expect(arena.alive).toBe(0);
  });

  it('gives up early on what is far slower', async () => {
    const arena = new FakeArena({ 4: 10, 64: 30, 8: 13, 2: 13 });
    await searchShape(widthTunable(64), arena, watchSearch().options);
    expect(arena.measured.filter((width) => width === 64)).toHaveLength(1);
    expect(arena.measured.filter((width) => width === 8)).toHaveLength(2);
  });

  it('counts building where it takes long: 1000 runs must make up for it', async () => {
    const times = { 4: 10, 64: 8 };
    const tunable = { ...widthTunable(64), neighbours: () => [] };
    for (const [buildMs, width] of [
      [2000, 64],
      [2100, 4],
    ] as const) {
      const arena = new FakeArena(times, { buildMs: { 64: buildMs } });
      const { options, reports } = watchSearch({ countsBuilding: true });
      expect((await searchShape(tunable, arena, options)).shape).toEqual({ width });
      if (width === 64) continue;
      expect(reports[0]).toMatchObject({
        outcome: 'slow to build',
        reason: '8.00 ms against 10.00 ms, ratio 0.80; 2100 ms longer to build',
      });
    }
    const arena = new FakeArena(times, { buildMs: { 64: 2100 } });
    const { shape } = await searchShape(tunable, arena, watchSearch().options);
    expect(shape).toEqual({ width: 64 });
  });

  it('refuses what computes wrong or cannot be built, and says why', async () => {
    const wrong = { outcome: 'wrong', reason: 'y at 3 is 1, expected 2 ± 1e-6' } as const;
    const failed = { outcome: 'failed', reason: 'out of memory' } as const;
    const arena = new FakeArena({ 4: 10, 64: 1, 8: 1 }, { refusals: { 64: wrong, 8: failed } });
    const { options, reports } = watchSearch();
    const result = await searchShape(widthTunable(64), arena, options);
    expect(result).toMatchObject({ shape: { width: 4 }, candidates: 4 });
    expect(reports.slice(0, 2)).toEqual([
      { shape: { width: 64 }, ...wrong },
      { shape: { width: 8 }, ...failed },
    ]);
    expect(arena.measured).not.toContain(64);
  });

  it('ends when the budget does, and goes on from there the next time', async () => {
    const times = { 4: 10, 64: 8, 128: 6, 32: 9 };
    const arena = new FakeArena(times);
    const over = () => arena.prepared.length >= 2;
    const first = await searchShape(widthTunable(64), arena, watchSearch({ isOver: over }).options);
    expect(first).toEqual({
      shape: { width: 64 },
      ms: 8,
      ruleMs: 10,
      candidates: 2,
      interrupted: ['width 4', 'width 64'],
    });
    const again = new FakeArena(times);
    const earlier = { shape: first.shape, tried: first.interrupted ?? [] };
    const { options } = watchSearch({ earlier });
    const result = await searchShape(widthTunable(64), again, options);
    expect(result).toEqual({ shape: { width: 128 }, ms: 6, ruleMs: 10, candidates: 4 });
    expect(again.prepared).toEqual([4, 64, 128, 256]);
  });

  it('frees everything when it is aborted', async () => {
    const arena = new FakeArena({ 4: 10, 64: 8 });
    const pause = () => {
      if (arena.measured.length > 4) throw new Error('aborted');
    };
    const search = searchShape(widthTunable(64), arena, watchSearch({ pause }).options);
    await expect(search).rejects.toThrow('aborted');
    expect(arena.alive).toBe(0);
  });
});
