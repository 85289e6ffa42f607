import { FileFormatError } from '../errors.ts';
import { DTYPES, isTensorDtype, type TensorDtype } from './safetensors-dtype.ts';
import { findDuplicateKey } from './safetensors-json.ts';

/** Largest header that the format allows. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Key of the header under which a file's free-form strings lie. */
export const METADATA_KEY = '__metadata__';

/** Where one tensor lies: `begin` and `end` count bytes from the end of the header. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A checked header: the tensors in the order of their data, and where that data starts in the file. */
export interface Header {
  readonly entries: readonly TensorEntry[];
  readonly metadata: Record<string, string>;
  readonly dataStart: number;
}

const REMEDY =
  'The file is damaged or was not written as safetensors: download or export it again.';

function fail(source: string, what: string, cause?: unknown): never {
  const options = cause === undefined ? undefined : { cause };
  throw new FileFormatError(`${source}: ${what}. ${REMEDY}`, options);
}

/** A value as it appears in a message: strings and lists cut short, nothing nested is walked. */
function show(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  }
  if (Array.isArray(value)) {
    const items = value.slice(0, 8).map((item) => (Array.isArray(item) ? '[...]' : show(item)));
    return `[${items.join(', ')}${value.length > 8 ? ', ...' : ''}]`;
  }
  return isObject(value) ? '{...}' : String(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && !Object.is(value, -0) && (value as number) >= 0;
}

/** Whether a name can be a key anywhere: valid Unicode, and not the one key that objects treat apart. */
export function isUsableName(name: string): boolean {
  return name !== '__proto__' && !/\p{Surrogate}/u.test(name);
}

/** Length of the header in bytes, read from the first eight bytes of the file. */
function readHeaderLength(bytes: Uint8Array, source: string): number {
  if (bytes.byteLength < 8) {
    fail(
      source,
      `the file has ${bytes.byteLength} bytes, expected at least 8 for the header length`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const length = view.getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    fail(source, `the header claims ${length} bytes, expected at most ${MAX_HEADER_BYTES}`);
  }
  const available = bytes.byteLength - 8;
  if (length > available) {
    fail(
      source,
      `the header claims ${length} bytes, expected at most the ${available} that follow`,
    );
  }
  return Number(length);
}

function parseHeaderText(bytes: Uint8Array, source: string): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    fail(source, 'the header is not UTF-8, expected JSON text in UTF-8', cause);
  }
  if (!text.startsWith('{')) {
    fail(source, `the header starts with ${show(text.slice(0, 1))}, expected "{"`);
  }
  try {
    header = JSON.parse(text);
  } catch (cause) {
    fail(source, `the header is not JSON (${(cause as Error).message}), expected an object`, cause);
  }
  if (!isObject(header)) fail(source, `the header is ${show(header)}, expected an object`);
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    fail(source, `the header has the key ${show(duplicate)} twice in one object, expected it once`);
  }
  return header;
}

function readMetadata(value: unknown, source: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value))
    fail(source, `${METADATA_KEY} is ${show(value)}, expected an object of strings`);
  const metadata: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (!isUsableName(key))
      fail(source, `${METADATA_KEY} has the key ${show(key)}, expected another name`);
    if (typeof text !== 'string') {
      fail(source, `${METADATA_KEY} ${show(key)} is ${show(text)}, expected a string`);
    }
    metadata[key] = text;
  }
  return metadata;
}

/** Bytes that a tensor takes, or undefined if that is not a safe integer. */
function countBytes(shape: readonly number[], dtype: TensorDtype): number | undefined {
  let bytes: number = DTYPES[dtype].bytes;
  for (const size of shape) {
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}

function readEntry(name: string, value: unknown, dataBytes: number, source: string): TensorEntry {
  const where = `tensor ${show(name)}`;
  if (!isUsableName(name))
    fail(source, `${where} has a reserved or ill-formed name, expected another`);
  if (!isObject(value))
    fail(source, `${where} is ${show(value)}, expected dtype, shape and data_offsets`);
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) {
    fail(
      source,
      `${where} has the field ${show(unknown)}, expected only dtype, shape and data_offsets`,
    );
  }
  if (!isTensorDtype(dtype)) {
    const known = Object.keys(DTYPES).join(', ');
    fail(source, `${where}: dtype is ${show(dtype)}, expected one of ${known}`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    fail(
      source,
      `${where}: shape is ${show(shape)}, expected an array of integers from 0 to 2^53 - 1`,
    );
  }
  const bytes = countBytes(shape, dtype);
  if (bytes === undefined) {
    fail(source, `${where}: shape ${show(shape)} counts more than 2^53 - 1 bytes, expected fewer`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    fail(source, `${where}: data_offsets is ${show(offsets)}, expected two integers [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    fail(
      source,
      `${where}: data_offsets is [${begin}, ${end}], expected 0 <= begin <= end <= ${dataBytes}`,
    );
  }
  if (end - begin !== bytes) {
    const got = `data_offsets [${begin}, ${end}] hold ${end - begin} bytes`;
    fail(source, `${where}: ${got}, expected ${bytes} for ${dtype} of shape ${show(shape)}`);
  }
  return { name, dtype, shape, begin, end };
}

/** Sorts entries by their data and checks that together they cover it once, without a gap. */
function orderEntries(entries: TensorEntry[], dataBytes: number, source: string): TensorEntry[] {
  const ordered = entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let previous: TensorEntry | undefined;
  for (const entry of ordered) {
    const expected = previous?.end ?? 0;
    if (entry.begin !== expected) {
      const kind = entry.begin < expected ? 'overlaps' : 'leaves a gap after';
      const other = previous === undefined ? 'the header' : `tensor ${show(previous.name)}`;
      const got = `begins at byte ${entry.begin} and ${kind} ${other}`;
      fail(source, `tensor ${show(entry.name)} ${got}, expected it to begin at ${expected}`);
    }
    previous = entry;
  }
  const used = previous?.end ?? 0;
  if (used !== dataBytes) {
    fail(
      source,
      `${dataBytes} bytes of data follow the header, expected the ${used} that its tensors take`,
    );
  }
  return ordered;
}

/**
 * Reads and checks the header of a safetensors file; trusts nothing in it.
 *
 * @param bytes - The whole file.
 * @param source - How messages call the file.
 * @throws {FileFormatError} saying what was found where, and what was expected.
 */
export function readHeader(bytes: Uint8Array, source: string): Header {
  const length = readHeaderLength(bytes, source);
  const dataStart = 8 + length;
  const dataBytes = bytes.byteLength - dataStart;
  const header = parseHeaderText(bytes.subarray(8, dataStart), source);
  const { [METADATA_KEY]: metadata, ...tensors } = header;
  const entries = Object.entries(tensors).map(([name, value]) =>
    readEntry(name, value, dataBytes, source),
  );
  return {
    entries: orderEntries(entries, dataBytes, source),
    metadata: readMetadata(metadata, source),
    dataStart,
  };
}
