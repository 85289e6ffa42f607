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
