import type { Device } from '../../src/device/device.ts';

/** A check that runs wherever there is a WebGPU device: in Node, Deno, a page and a worker. */
export interface DeviceCase {
  readonly name: string;
  /** Feature without which the case is skipped, and said to be. */
  readonly needs?: GPUFeatureName;
  /** Left out of `npm test`: more sizes and variants of what another case proves (CONTRIBUTING.md). */
  readonly full?: true;
  /** Throws where the check fails. It disposes what it makes; a buffer left behind is a failure. */
  readonly run: (device: Device) => Promise<void>;
}

/**
 * A case for the entries that `npm test` checks, and one for those that it leaves out. An error names its
 * entry.
 */
export function casesOf<T>(
  name: string,
  entries: { readonly quick: readonly T[]; readonly full: readonly T[] },
  check: (device: Device, entry: T) => Promise<void>,
): DeviceCase[] {
  const run = (chosen: readonly T[]) => (device: Device) =>
    forEachOf(chosen, (entry) => check(device, entry));
  return [
    { name, run: run(entries.quick) },
    { name: `${name}: the others`, full: true, run: run(entries.full) },
  ];
}

/** Runs `check` for every entry and puts the entry into the message of an error. */
export async function forEachOf<T>(
  entries: Iterable<T>,
  check: (entry: T) => Promise<void>,
): Promise<void> {
  for (const entry of entries) {
    try {
      await check(entry);
    } catch (error) {
      throw new Error(`for ${JSON.stringify(entry)}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}

/** How a case ended. */
export interface CaseResult {
  readonly name: string;
  /** Absent where the case passed. */
  readonly error?: string;
  /** Why the case did not run; absent where it did. */
  readonly skipped?: string;
  readonly seconds: number;
}

/** Runs cases one after another; an error the device reports belongs to the case that caused it. */
export async function runCases(
  device: Device,
  cases: readonly DeviceCase[],
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for (const { name, needs, run } of cases) {
    if (needs && !device.features.has(needs)) {
      results.push({ name, skipped: `the adapter has no ${needs}`, seconds: 0 });
      continue;
    }
    const begun = performance.now();
    const error = await runCase(device, run);
    const seconds = (performance.now() - begun) / 1000;
    results.push(error === undefined ? { name, seconds } : { name, error, seconds });
  }
  return results;
}

async function runCase(device: Device, run: DeviceCase['run']): Promise<string | undefined> {
  const before = device.liveBuffers;
  try {
    await run(device);
    await device.check();
    assertEqual(device.liveBuffers, before, 'live buffers after the case');
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

/** Throws unless both are the same value, or arrays and typed arrays of the same values. */
export function assertEqual<T>(got: T, expected: T, what: string): void {
  const same =
    isList(got) && isList(expected) ? equalLists(got, expected) : Object.is(got, expected);
  if (!same) throw new Error(`${what}: got ${show(got)}, expected ${show(expected)}`);
}

/** Throws unless `condition` holds. */
export function assertTrue(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function equalLists(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) {
    if (!Object.is(a[index], b[index])) return false;
  }
  return true;
}

function show(value: unknown): string {
  if (!isList(value)) return String(value);
  const items = Array.from({ length: Math.min(value.length, 16) }, (_, index) => value[index]);
  return `[${items.join(', ')}${value.length > items.length ? `, … ${value.length}` : ''}]`;
}
