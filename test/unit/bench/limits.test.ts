import { describe, expect, it } from 'vitest';
import { floorOf, type Limits } from '../../../bench/limits.ts';
import {
  checkBarriers,
  checkDispatches,
  checkLoads,
  checkMultiplyAdd,
  LimitsError,
  loadsPerRound,
  makeLoadSource,
  multiplyAddArguments,
  multiplyAddShader,
  storageEntries,
  threads,
} from '../../../bench/limits-probes.ts';
import { findAmount, poison, spreadOf } from '../../../bench/limits-rig.ts';

/** What the multiply-add kernel computes, one operation after another in float32. */
function multiplyAdd(
  lanes: 1 | 4,
  accumulators: number,
  given: Uint32Array<ArrayBuffer>,
  updates: number,
  thread: number,
): number {
  const [, factor = 0, term = 0] = new Float32Array(given.buffer);
  let sum = 0;
  for (let index = 0; index < lanes * accumulators; index++) {
    let x = Math.fround((thread % 64) + index);
    for (let update = 0; update < updates; update++) {
      x = Math.fround(Math.fround(x * factor) + term);
    }
    sum = Math.fround(sum + x);
  }
  return sum;
}

describe('the probes of the limits', () => {
  it('accept a multiply-add chain in float32 and no other number of updates', () => {
    for (const form of [
      { lanes: 4, accumulators: 8, unroll: 1 },
      { lanes: 1, accumulators: 12, unroll: 16 },
    ] as const) {
      const updates = 64 * form.unroll;
      const given = multiplyAddArguments(updates, 64);
      const results = (count: number) =>
        new Uint32Array(
          Float32Array.from({ length: 128 }, (_, thread) =>
            multiplyAdd(form.lanes, form.accumulators, given, count, thread),
          ).buffer,
        );
      expect(() => checkMultiplyAdd(results(updates), form, given, updates)).not.toThrow();
      for (const wrong of [updates - form.unroll, updates + 1]) {
        expect(() => checkMultiplyAdd(results(wrong), form, given, updates)).toThrow(LimitsError);
      }
      const poisoned = results(updates).fill(poison, 100, 101);
      expect(() => checkMultiplyAdd(poisoned, form, given, updates)).toThrow('thread 100');
    }
  });

  it('write every accumulator out as often as the form says', () => {
    const code = multiplyAddShader({ lanes: 1, accumulators: 12, unroll: 16 });
    expect(code.match(/\* factor \+ term/g)).toHaveLength(12 * 16);
  });

  it('accept the sums of all loads and nothing else', () => {
    const source = makeLoadSource();
    const sums = (rounds: number) =>
      Uint32Array.from({ length: 200 }, (_, thread) => {
        let sum = 0;
        for (let visit = 0; visit < rounds * loadsPerRound; visit++) {
          sum += source[(thread + threads * visit) % storageEntries] as number;
        }
        return sum;
      });
    for (const rounds of [1, 7, 8, 19]) {
      expect(() => checkLoads(sums(rounds), source, storageEntries, rounds)).not.toThrow();
      expect(() => checkLoads(sums(rounds + 1), source, storageEntries, rounds)).toThrow(
        'thread 0',
      );
    }
  });

  it('count barriers and dispatches', () => {
    const passed = (rounds: number) => {
      let own = Uint32Array.from({ length: threads }, (_, thread) => 1000 * thread);
      for (let round = 0; round < rounds; round++) {
        own = own.map((_, thread) => (own[(thread + 1) % threads] as number) + 1);
      }
      return own;
    };
    expect(() => checkBarriers(passed(150), 150)).not.toThrow();
    expect(() => checkBarriers(passed(150), 151)).toThrow(LimitsError);
    expect(() => checkDispatches(Uint32Array.of((poison + 900) >>> 0), 900)).not.toThrow();
    expect(() => checkDispatches(Uint32Array.of((poison + 900) >>> 0), 901)).toThrow('900 of 901');
  });

  it('look for an amount of work that takes long enough, and take best and middle of several', async () => {
    const run = (amount: number) => Promise.resolve(1e-5 * amount);
    const settings = { first: 8, most: 1e6, targetSeconds: 0.01 };
    expect(await findAmount(run, settings)).toBe(1000);
    expect(await findAmount(run, { ...settings, most: 100 })).toBe(100);
    expect(spreadOf([3, 1, 2, 9])).toEqual({ best: 1, median: 2.5 });
  });
});

describe('floorOf', () => {
  it('takes the longer of arithmetic and memory, and adds dispatches and waits', () => {
    const limits = { rolledGflops: 10, copyGBps: 5, dispatchUs: 13, roundTripMs: 0.25 } as Limits;
    const work = { flops: 1e9, readBytes: 1e8, writtenBytes: 1e8, dispatches: 20 };
    const floor = floorOf(work, limits, 1);
    expect(floor.computeMs).toBeCloseTo(100, 9);
    expect(floor.memoryMs).toBeCloseTo(40, 9);
    expect(floor.dispatchMs).toBeCloseTo(0.26, 9);
    expect(floor.waitMs).toBe(0.25);
    expect(floor.totalMs).toBeCloseTo(100.51, 9);
    expect(floorOf({ ...work, flops: 0 }, limits).totalMs).toBeCloseTo(40.26, 9);
  });
});
