import type { DeviceInfo } from '../device/adapter.ts';
import { FileFormatError } from '../errors.ts';

/** A kernel's shape as plain data: a value for each axis. */
export type ShapeAxes = Readonly<Record<string, number | boolean | string>>;

/** What was found for one kernel at one size. */
export interface TunedShape {
  readonly shape: ShapeAxes;
  /** Least time of a run with this shape. */
  readonly ms: number;
  /** Least time with the rule's shape, measured in turn with the other. */
  readonly ruleMs: number;
  /** Shapes tried, the rule's included. */
  readonly candidates: number;
  /** All that was tried, where the budget ended the search: the next `tune()` goes on from there. */
  readonly interrupted?: readonly string[];
}

/**
 * Kernel shapes that were measured on an adapter, as `tune()` returns them. Plain JSON: keep it with
 * `JSON.stringify` and read it with {@link parseTuning}.
 */
export interface Tuning {
  readonly version: typeof tuningVersion;
  readonly adapter: DeviceInfo;
  /** By kernel and sizes, e.g. `matmul tn m=512 n=128 k=2048`. */
  readonly shapes: Readonly<Record<string, TunedShape>>;
}

/** Rises with the format, and when kernels change so much that older measurements mean nothing. */
export const tuningVersion = 6;

/**
 * Reads a tuning from JSON.
 *
 * @param source - what the text is from, for messages.
 * @throws {FileFormatError} if it is no tuning, or one of another version.
 */
export function parseTuning(json: string, source = 'tuning'): Tuning {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new FileFormatError(
      `${source}: no JSON (${got}), expected what tune() has written. ${remedy}`,
      {
        cause,
      },
    );
  }
  return checkTuning(value, source);
}

/** Like {@link parseTuning}, for a value that has been read already. */
export function checkTuning(value: unknown, source = 'tuning'): Tuning {
  if (!isRecord(value)) fail(source, '', value, 'an object');
  if (value.version !== tuningVersion) {
    throw new FileFormatError(
      `${source}: version is ${show(value.version)}, this Gatefold reads ${tuningVersion}. ${remedy}`,
    );
  }
  const { adapter, shapes } = value;
  if (!isRecord(adapter)) fail(source, 'adapter', adapter, 'an object');
  for (const name of ['vendor', 'architecture', 'description', 'runtime']) {
    if (typeof adapter[name] !== 'string')
      fail(source, `adapter.${name}`, adapter[name], 'a string');
  }
  if (typeof adapter.software !== 'boolean') {
    fail(source, 'adapter.software', adapter.software, 'true or false');
  }
  if (!isRecord(shapes)) fail(source, 'shapes', shapes, 'an object');
  for (const [key, entry] of Object.entries(shapes)) checkEntry(source, `shapes['${key}']`, entry);
  return value as unknown as Tuning;
}

/** All shapes of both; where both have one, the later. */
export function mergeTunings(earlier: Tuning, later: Tuning): Tuning {
  return { ...later, shapes: { ...earlier.shapes, ...later.shapes } };
}

/**
 * Whether a tuning's adapter is this one. Browsers hide the description: where one side has none, vendor
 * and architecture decide. What runs WebGPU may differ.
 */
export function isSameAdapter(a: DeviceInfo, b: DeviceInfo): boolean {
  return (
    a.vendor === b.vendor &&
    a.architecture === b.architecture &&
    a.software === b.software &&
    (a.description === b.description || a.description === '' || b.description === '')
  );
}

/** An adapter's name for messages. */
export function nameAdapter({ vendor, architecture, description }: DeviceInfo): string {
  return description || [vendor, architecture].filter(Boolean).join(' ') || 'an unnamed adapter';
}

/** `0.123 ms`, `12.34 ms`, `123 ms`. */
export function formatMs(ms: number): string {
  return `${ms < 1 ? ms.toPrecision(3) : ms.toFixed(ms < 100 ? 2 : 0)} ms`;
}

const remedy = 'Measure again with tune().';

function checkEntry(source: string, path: string, entry: unknown): void {
  if (!isRecord(entry)) fail(source, path, entry, 'an object');
  const { shape } = entry;
  if (!isRecord(shape)) fail(source, `${path}.shape`, shape, 'an object');
  for (const [axis, value] of Object.entries(shape)) {
    if (!['number', 'boolean', 'string'].includes(typeof value)) {
      fail(source, `${path}.shape.${axis}`, value, 'a number, true, false or a word');
    }
  }
  for (const name of ['ms', 'ruleMs', 'candidates']) {
    const value = entry[name];
    if (typeof value !== 'number' || !(value >= 0)) {
      fail(source, `${path}.${name}`, value, 'a number of at least 0');
    }
  }
  const { interrupted } = entry;
  const isList =
    Array.isArray(interrupted) && interrupted.every((name) => typeof name === 'string');
  if (interrupted !== undefined && !isList) {
    fail(source, `${path}.interrupted`, interrupted, 'a list of words, or nothing');
  }
}

function fail(source: string, path: string, value: unknown, expected: string): never {
  throw new FileFormatError(
    `${source}: ${path || 'the content'} is ${show(value)}, expected ${expected}. ${remedy}`,
  );
}

function show(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
