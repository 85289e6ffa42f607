import type { Storage, View } from '../graph/operator.ts';
import type { TypedLaunch } from '../kernels/launch.ts';
import type { PlanBuffer } from './plan.ts';

/** Where every storage of a plan went. */
export interface MemoryAssignment {
  readonly buffers: readonly PlanBuffer[];
  readonly indexOf: ReadonlyMap<Storage, number>;
  /** Most bytes of activations alive at one launch: what no sharing can go below. */
  readonly neededBytes: number;
}

interface Lifetime {
  readonly storage: Storage;
  readonly first: number;
  readonly last: number;
}

/**
 * Gives every storage a buffer. Activations whose lifetimes do not overlap share one, the largest placed
 * first into the smallest free buffer that holds it.
 *
 * Whole buffers are shared and not ranges of one arena: WebGPU refuses a dispatch that reads one range of a
 * buffer and writes another.
 *
 * @param launches - in the order they run; a storage lives from its first to its last binding.
 * @param pinned - storages that the caller reads or writes outside the launches: never shared.
 * @see Pisarchyk & Lee 2020, "Efficient memory management for deep neural net inference".
 */
export function assignMemory(
  launches: readonly TypedLaunch<View>[],
  pinned: ReadonlySet<Storage>,
): MemoryAssignment {
  const buffers: PlanBuffer[] = [];
  const indexOf = new Map<Storage, number>();
  const free: { index: number; bytes: number; taken: Lifetime[] }[] = [];
  const lifetimes = findLifetimes(launches, pinned);
  const activations = lifetimes.filter(({ storage }) => isActivation(storage));
  const shareable: Lifetime[] = [];
  for (const lifetime of lifetimes) {
    const { storage } = lifetime;
    if (isActivation(storage) && !pinned.has(storage)) {
      shareable.push(lifetime);
      continue;
    }
    indexOf.set(storage, buffers.length);
    buffers.push({
      label: storage.label,
      bytes: storage.bytes,
      role: storage.key ? 'shared' : storage.content ? 'constant' : 'activation',
      ...(storage.content && { content: storage.content }),
      ...(storage.key !== undefined && { key: storage.key }),
    });
  }
  shareable.sort((a, b) => b.storage.bytes - a.storage.bytes || a.first - b.first);
  for (const lifetime of shareable) {
    const { storage, first, last } = lifetime;
    const candidates = free.filter(({ taken }) =>
      taken.every((other) => other.last < first || last < other.first),
    );
    const best = candidates.reduce<(typeof free)[number] | undefined>(
      (smallest, slot) => (smallest && smallest.bytes <= slot.bytes ? smallest : slot),
      undefined,
    );
    if (best) {
      best.taken.push(lifetime);
      indexOf.set(storage, best.index);
      continue;
    }
    free.push({ index: buffers.length, bytes: storage.bytes, taken: [lifetime] });
    indexOf.set(storage, buffers.length);
    buffers.push({ label: storage.label, bytes: storage.bytes, role: 'activation' });
  }
  return { buffers, indexOf, neededBytes: findPeak(activations, launches.length) };
}

function isActivation({ key, content }: Storage): boolean {
  return key === undefined && content === undefined;
}

/** The largest sum of bytes that live during the same launch; pinned storages live during all. */
function findPeak(lifetimes: readonly Lifetime[], launchCount: number): number {
  const changes = new Float64Array(launchCount + 2);
  for (const { storage, first, last } of lifetimes) {
    changes[first] = (changes[first] as number) + storage.bytes;
    changes[last + 1] = (changes[last + 1] as number) - storage.bytes;
  }
  let [alive, peak] = [0, 0];
  for (const change of changes) {
    alive += change;
    peak = Math.max(peak, alive);
  }
  return peak;
}

function findLifetimes(
  launches: readonly TypedLaunch<View>[],
  pinned: ReadonlySet<Storage>,
): Lifetime[] {
  const spans = new Map<Storage, { first: number; last: number }>();
  for (const storage of pinned) spans.set(storage, { first: 0, last: launches.length });
  for (const [index, launch] of launches.entries()) {
    for (const { storage } of Object.values(launch.bindings)) {
      const span = spans.get(storage);
      if (span) span.last = Math.max(span.last, index);
      else spans.set(storage, { first: index, last: index });
    }
  }
  return [...spans].map(([storage, span]) => ({ storage, ...span }));
}
