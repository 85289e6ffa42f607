import { OptionError, ShapeError } from '../errors.ts';
import { DTYPES, isTensorDtype, type NamedTensor, type TensorData } from './safetensors-dtype.ts';
import { isUsableName, MAX_HEADER_BYTES, METADATA_KEY, readHeader } from './safetensors-header.ts';

export {
  DTYPES,
  type NamedTensor,
  type TensorData,
  type TensorDtype,
  toFloat32,
} from './safetensors-dtype.ts';

/** What a safetensors file holds. */
export interface SafetensorsFile {
  /** By name, in the order in which their data lies in the file. */
  readonly tensors: Map<string, NamedTensor>;
  /** The free-form strings of the file's `__metadata__`; empty if it has none. */
  readonly metadata: Record<string, string>;
}

/** Options of {@link readSafetensors}. */
export interface ReadSafetensorsOptions {
  /** How messages call the file, for example its path. */
  readonly source?: string;
}

/**
 * Reads a safetensors file, checking every number in its header before using it.
 *
 * @param bytes - The whole file; not kept, every tensor is an aligned copy.
 * @throws {FileFormatError} if anything in the file is not as the format demands: lengths, JSON,
 *   duplicate names, types, shapes, and data that does not cover the rest of the file exactly once.
 * @see https://huggingface.co/docs/safetensors, section Format.
 */
export function readSafetensors(
  bytes: Uint8Array | ArrayBuffer,
  options: ReadSafetensorsOptions = {},
): SafetensorsFile {
  const file = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  const { entries, metadata, dataStart } = readHeader(file, options.source ?? 'safetensors file');
  const tensors = new Map<string, NamedTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const copy = new Uint8Array(end - begin);
    copy.set(file.subarray(dataStart + begin, dataStart + end));
    tensors.set(name, { dtype, shape, data: new DTYPES[dtype].array(copy.buffer) });
  }
  return { tensors, metadata };
}

function requireWritable(name: string, tensor: NamedTensor): void {
  const { dtype, shape, data } = tensor;
  if (name === METADATA_KEY || !isUsableName(name)) {
    throw new OptionError(
      `tensor ${JSON.stringify(name)}: the name is reserved or not valid Unicode. Rename the tensor.`,
    );
  }
  if (!isTensorDtype(dtype)) {
    const known = Object.keys(DTYPES).join(', ');
    throw new OptionError(`tensor '${name}': dtype is ${String(dtype)}, expected one of ${known}.`);
  }
  const array = DTYPES[dtype].array;
  if (!(data instanceof array)) {
    const got = (data as TensorData).constructor.name;
    throw new OptionError(
      `tensor '${name}': data is a ${got}, ${dtype} is written from a ${array.name}. ` +
        'Convert the data or correct dtype.',
    );
  }
  const elements = shape.reduce((product, size) => product * size, 1);
  const isShape = shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!isShape || elements !== data.length) {
    throw new ShapeError(
      `tensor '${name}': shape [${shape.join(', ')}] asks for ${elements} elements, data has ` +
        `${data.length}. Pass a shape whose product is the length of data.`,
    );
  }
}

/** Entries with distinct, writable names, in the order of the format: wider types first, then by name. */
function orderForFile(tensors: Iterable<readonly [string, NamedTensor]>): [string, NamedTensor][] {
  const byName = new Map<string, NamedTensor>();
  for (const [name, tensor] of tensors) {
    requireWritable(name, tensor);
    if (byName.has(name)) {
      throw new OptionError(
        `tensor '${name}' is given twice, expected distinct names. Rename one.`,
      );
    }
    byName.set(name, tensor);
  }
  return [...byName].sort(
    ([nameA, a], [nameB, b]) =>
      DTYPES[b.dtype].rank - DTYPES[a.dtype].rank || (nameA < nameB ? -1 : 1),
  );
}

function sortMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const sorted: Record<string, string> = {};
  for (const key of Object.keys(metadata).sort()) {
    const value = metadata[key];
    if (typeof value !== 'string' || !isUsableName(key) || /\p{Surrogate}/u.test(value)) {
      throw new OptionError(
        `metadata ${JSON.stringify(key)} is ${JSON.stringify(value)}, expected a name and a string in ` +
          'valid Unicode. Encode other values, for example with JSON.stringify.',
      );
    }
    sorted[key] = value;
  }
  return sorted;
}

/**
 * Writes a safetensors file. The same tensors and metadata give the same bytes, in whatever order they
 * come: tensors lie in the order of the official writer, so that all data is aligned to its type.
 *
 * @param tensors - Names and tensors; not modified.
 * @param metadata - Free-form strings; left out of the file when there are none.
 * @throws {OptionError} for a reserved or repeated name, or data in another array type than `dtype` needs.
 * @throws {ShapeError} if a shape does not multiply to the length of its data.
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, NamedTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const ordered = orderForFile(tensors);
  const strings = sortMetadata(metadata);
  const fields: string[] = [];
  if (Object.keys(strings).length > 0) fields.push(`"${METADATA_KEY}":${JSON.stringify(strings)}`);
  let dataBytes = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    const end = dataBytes + data.byteLength;
    const entry = JSON.stringify({ dtype, shape, data_offsets: [dataBytes, end] });
    fields.push(`${JSON.stringify(name)}:${entry}`);
    dataBytes = end;
  }
  const header = new TextEncoder().encode(`{${fields.join(',')}}`);
  const headerBytes = Math.ceil(header.byteLength / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new OptionError(
      `the header takes ${headerBytes} bytes, the format allows ${MAX_HEADER_BYTES}. ` +
        'Write fewer tensors or less metadata per file.',
    );
  }
  const file = new Uint8Array(8 + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, 8, 8 + headerBytes);
  file.set(header, 8);
  let offset = 8 + headerBytes;
  for (const [, { data }] of ordered) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file;
}
