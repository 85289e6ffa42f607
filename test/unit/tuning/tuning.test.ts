import { describe, expect, it } from 'vitest';
import type { DeviceInfo } from '../../../src/device/adapter.ts';
import { FileFormatError } from '../../../src/errors.ts';
import { useTunings } from '../../../src/tuning/shape-source.ts';
import {
  isSameAdapter,
  mergeTunings,
  parseTuning,
  type TunedShape,
  type Tuning,
} from '../../../src/tuning/tuning.ts';
import { widthTunable } from './fake-arena.ts';

const adapter: DeviceInfo = {
  vendor: 'acme',
  architecture: 'gen-1',
  description: 'Acme One',
  software: false,
  runtime: 'node',
};

function tuningOf(shapes: Record<string, TunedShape>, changes: Partial<DeviceInfo> = {}): Tuning {
  return { version: 6, adapter: { ...adapter, ...changes }, shapes };
}

const measured = (width: number): TunedShape => ({
  shape: { width },
  ms: 1,
  ruleMs: 2,
  candidates: 3,
});

describe('a tuning as JSON', () => {
  const good = tuningOf({ 'fake n=1': { ...measured(8), interrupted: ['width 4'] } });

  it('is what it was', () => {
    expect(parseTuning(JSON.stringify(good))).toEqual(good);
  });

  const end = ' Measure again with tune().';
  const entry = (changes: object) => ({ ...good, shapes: { a: { ...measured(8), ...changes } } });
  it.each([
    ['[1', /^a\.json: no JSON \(.*\), expected what tune\(\) has written\. Measure again/],
    [[], `a.json: the content is [], expected an object.${end}`],
    [{}, `a.json: version is missing, this Gatefold reads 6.${end}`],
    [{ ...good, version: 1 }, `a.json: version is 1, this Gatefold reads 6.${end}`],
    [{ ...good, adapter: 'x' }, `a.json: adapter is "x", expected an object.${end}`],
    [
      { ...good, adapter: { ...adapter, vendor: 1 } },
      `a.json: adapter.vendor is 1, expected a string.${end}`,
    ],
    [
      { ...good, adapter: { ...adapter, software: 'no' } },
      `a.json: adapter.software is "no", expected true or false.${end}`,
    ],
    [{ ...good, shapes: [] }, `a.json: shapes is [], expected an object.${end}`],
    [{ ...good, shapes: { a: null } }, `a.json: shapes['a'] is null, expected an object.${end}`],
    [
      entry({ shape: { width: [8] } }),
      `a.json: shapes['a'].shape.width is [8], expected a number, true, false or a word.${end}`,
    ],
    [entry({ ms: -1 }), `a.json: shapes['a'].ms is -1, expected a number of at least 0.${end}`],
    [
      entry({ interrupted: [1] }),
      `a.json: shapes['a'].interrupted is [1], expected a list of words, or nothing.${end}`,
    ],
  ])('is refused: %j', (value, message) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const parse = () => parseTuning(text, 'a.json');
    expect(parse).toThrow(FileFormatError);
    expect(parse).toThrow(message);
  });

  it('is merged by kernel, the later counting', () => {
    const both = mergeTunings(
      tuningOf({ a: measured(1), b: measured(2) }),
      tuningOf({ b: measured(3) }),
    );
    expect(both.shapes).toEqual({ a: measured(1), b: measured(3) });
  });
});

describe('the adapter of a tuning', () => {
  it('is told by vendor, architecture and, where both have one, description', () => {
    expect(isSameAdapter(adapter, { ...adapter, runtime: 'browser', description: '' })).toBe(true);
    expect(isSameAdapter(adapter, { ...adapter, description: 'Acme Two' })).toBe(false);
    expect(isSameAdapter(adapter, { ...adapter, architecture: 'gen-2' })).toBe(false);
    expect(isSameAdapter(adapter, { ...adapter, software: true })).toBe(false);
  });
});

describe('shapes from tunings', () => {
  const tunable = widthTunable(64);
  const settle = (...tunings: Tuning[]) => useTunings(tunings, adapter)(tunable);

  it('are those measured, with both times as the reason', () => {
    expect(settle(tuningOf({ [tunable.key]: measured(8) }))).toEqual({
      shape: { width: 8 },
      reason: "measured: 1.00 ms, the rule's shape 2.00 ms",
    });
    const same = settle(tuningOf({ [tunable.key]: { ...measured(4), ms: 0.25, ruleMs: 0.25 } }));
    expect(same?.shape).toBe(tunable.builtIn);
    expect(same?.reason).toBe('measured: nothing beat it, 0.250 ms');
  });

  it('come from the first tuning of this adapter that has the kernel', () => {
    const tunings = [
      tuningOf({ [tunable.key]: measured(32) }, { description: 'Acme Two' }),
      tuningOf({}),
      tuningOf({ [tunable.key]: measured(16) }),
    ];
    expect(settle(...tunings)?.shape).toEqual({ width: 16 });
  });

  it.each([
    [[], 'the tuning is empty, this is Acme One'],
    [
      [tuningOf({ [tunable.key]: measured(8) }, { description: 'Acme Two' })],
      'the tuning is of Acme Two, this is Acme One',
    ],
    [[tuningOf({ other: measured(8) })], "the tuning has no 'fake n=1'"],
    [
      [tuningOf({ [tunable.key]: measured(0) })],
      'the measured shape is refused: width is at least 1',
    ],
    [
      [tuningOf({ [tunable.key]: { ...measured(8), shape: { width: 8, height: 1 } } })],
      "the measured shape is refused: its axes are 'width 8, height 1', expected those of 'width 4'",
    ],
    [
      [tuningOf({ [tunable.key]: { ...measured(8), shape: { width: 'wide' } } })],
      "the measured shape is refused: its axes are 'width wide', expected those of 'width 4'",
    ],
  ])('are left to the rule with a reason', (tunings, why) => {
    const settled = settle(...tunings);
    expect(settled?.shape).toBe(tunable.builtIn);
    expect(settled?.reason).toBe(`by the rule, not measured: ${why}`);
  });
});
