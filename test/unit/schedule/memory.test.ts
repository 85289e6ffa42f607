import { describe, expect, it } from 'vitest';
import type { Storage, View } from '../../../src/graph/operator.ts';
import type { TypedLaunch } from '../../../src/kernels/launch.ts';
import { Random } from '../../../src/random.ts';
import { assignMemory } from '../../../src/schedule/memory.ts';

function makeLaunch(storages: readonly Storage[]): TypedLaunch<View> {
  const entries = storages.map((storage, index) => {
    return [`b${index}`, { storage, offsetBytes: 0, bytes: storage.bytes }] as const;
  });
  return {
    label: 'launch',
    kernel: 'none',
    constants: {},
    bindings: Object.fromEntries(entries),
    workgroups: [1, 1, 1],
    cost: { flops: 0, readBytes: 0, writtenBytes: 0 },
  };
}

const makeStorage = (label: string, bytes: number): Storage => ({ label, bytes });

describe('assignMemory', () => {
  it('never puts two storages that live at the same time into one buffer', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed, 2);
      const pick = (count: number) => Math.floor(random.uniform() * count);
      const storages = Array.from({ length: 4 + pick(30) }, (_none, index) =>
        makeStorage(`s${index}`, 256 * (1 + pick(6))),
      );
      const bound: Storage[][] = Array.from({ length: 3 + pick(30) }, () => []);
      const spans = storages.map((storage) => {
        const ends = [pick(bound.length), pick(bound.length)].sort((a, b) => a - b);
        for (const at of ends) bound[at]?.push(storage);
        return ends as [number, number];
      });
      const pinned = new Set(storages.filter(() => random.uniform() < 0.15));
      const { buffers, indexOf } = assignMemory(bound.map(makeLaunch), pinned);
      for (const [i, one] of storages.entries()) {
        expect(buffers[indexOf.get(one) as number]?.bytes).toBeGreaterThanOrEqual(one.bytes);
        for (const [j, other] of storages.entries()) {
          if (i >= j || indexOf.get(one) !== indexOf.get(other)) continue;
          expect(pinned.has(one) || pinned.has(other), `seed ${seed}`).toBe(false);
          const [a, b] = [spans[i], spans[j]] as [[number, number], [number, number]];
          expect(a[1] < b[0] || b[1] < a[0], `seed ${seed}: ${a} and ${b}`).toBe(true);
        }
      }
    }
  });

  it('shares one buffer along a chain of two alternating activations', () => {
    const chain = Array.from({ length: 7 }, (_none, index) => makeStorage(`s${index}`, 1024));
    const launches = chain
      .slice(1)
      .map((storage, index) => makeLaunch([chain[index] as Storage, storage]));
    expect(assignMemory(launches, new Set()).buffers).toHaveLength(2);
    expect(assignMemory(launches, new Set(chain)).buffers).toHaveLength(7);
  });

  it('says how many bytes of activations are needed at once, and comes near', () => {
    const [a, b, c, d] = [300, 200, 500, 100].map((bytes, index) =>
      makeStorage(`s${index}`, bytes),
    );
    const [one, two, three, four] = [a, b, c, d] as [Storage, Storage, Storage, Storage];
    const zeros = { label: 'zeros', bytes: 4096, content: new Uint8Array(4096) };
    const parameters = { label: 'parameters', bytes: 8192, key: 'parameters' };
    // Alive: one; one + two; two + three; three + four. What belongs to nobody else is not counted.
    const bound = [
      [one, zeros],
      [one, two, parameters],
      [two, three],
      [three, four, zeros],
    ];
    const launches = bound.map(makeLaunch);
    expect(assignMemory(launches, new Set()).neededBytes).toBe(700);
    expect(assignMemory(launches, new Set([four])).neededBytes).toBe(800);
    expect(assignMemory(launches, new Set([one, four])).neededBytes).toBe(1100);
    expect(assignMemory([], new Set()).neededBytes).toBe(0);

    const outside = makeStorage('never bound', 640);
    expect(assignMemory(launches, new Set([outside])).neededBytes).toBe(1340);
  });

  it('never needs more than it takes, and takes a tenth more at most on average', () => {
    const ratios: number[] = [];
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed, 5);
      const pick = (count: number) => Math.floor(random.uniform() * count);
      const bound: Storage[][] = Array.from({ length: 5 + pick(30) }, () => []);
      const storages = Array.from({ length: 10 + pick(30) }, (_none, index) =>
        makeStorage(`s${index}`, 256 * (1 + pick(40))),
      );
      for (const storage of storages) {
        const first = pick(bound.length);
        const last = Math.min(bound.length - 1, first + pick(6));
        for (const at of [first, last]) bound[at]?.push(storage);
      }
      const { buffers, neededBytes } = assignMemory(bound.map(makeLaunch), new Set());
      const total = buffers.reduce((sum, { bytes }) => sum + bytes, 0);
      expect(total, `seed ${seed}`).toBeGreaterThanOrEqual(neededBytes);
      ratios.push(total / neededBytes);
    }
    expect(ratios.reduce((sum, ratio) => sum + ratio) / ratios.length).toBeLessThan(1.1);
  });

  it('keeps constants and shared buffers to themselves, with their role', () => {
    const content = new Uint8Array(256);
    const constant = { label: 'zeros', bytes: 256, content };
    const shared = { label: 'parameters', bytes: 512, key: 'parameters' };
    const launches = [
      makeLaunch([makeStorage('a', 256)]),
      makeLaunch([constant]),
      makeLaunch([shared]),
      makeLaunch([makeStorage('b', 256)]),
    ];
    expect(assignMemory(launches, new Set()).buffers).toEqual([
      { label: 'zeros', bytes: 256, role: 'constant', content },
      { label: 'parameters', bytes: 512, role: 'shared', key: 'parameters' },
      { label: 'a', bytes: 256, role: 'activation' },
    ]);
  });
});
