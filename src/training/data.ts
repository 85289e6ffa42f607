import { ShapeError, VocabularyError } from '../errors.ts';
import type { Values } from '../graph/operator.ts';
import { type DType, formatShape, sizeOf } from '../graph/tensor.ts';
import { show } from './options.ts';
import type { Vocabulary } from './vocabulary.ts';

/**
 * One input of the model in resident data: every batch of it is a strided window of one array, so that a
 * single kernel gathers any of them. Element (i0, i1, …) of batch k is
 * `array[k·batchStride + i0·strides[0] + i1·strides[1] + … + offset]`.
 */
export interface DataField {
  /** Name of the model's input, e.g. `input` or `target`. */
  readonly name: string;
  readonly dtype: DType;
  /** Shape of one batch. */
  readonly shape: readonly number[];
  /** The resident array. Fields with the same array share one buffer. */
  readonly array: Int32Array | Float32Array;
  readonly offset: number;
  readonly batchStride: number;
  readonly strides: readonly number[];
}

/**
 * Data that lies on the GPU as a whole; step s trains on batch s mod `batchCount`. A source that is fed
 * by the host would offer batches one by one instead and share nothing but the field's name, type and
 * shape with this.
 */
export interface DataSource {
  readonly fields: readonly DataField[];
  readonly batchCount: number;
  /** Whether a recurrent state carried from step to step becomes zero when the data starts over. */
  readonly resetsState: boolean;
  readonly vocabulary?: Vocabulary;
  /** Data of the same shape that is not trained on. */
  readonly heldOut?: DataSource;
}

/** Data of one input for {@link batches}. */
export interface BatchedArray {
  /** All batches one after another: `Int32Array` for tokens, `Float32Array` for numbers. */
  readonly values: Int32Array | Float32Array;
  /** Number of batches, then the shape of one, e.g. `[batches, steps, batch]`. */
  readonly shape: readonly number[];
  /** Where given, tokens must be from 0 to below it. */
  readonly vocabularySize?: number;
  /** A token that is allowed beside them: targets that do not count. */
  readonly ignoreIndex?: number;
}

/**
 * Batches from arrays that hold them one after another.
 *
 * @param arrays - One array per model input, by the input's name.
 * @param options - `resetsState`: whether a carried state becomes zero when the data starts over, false
 *   unless given. `vocabulary`: what the tokens mean.
 * @throws {ShapeError} if an array and its shape, or two arrays' numbers of batches, do not agree.
 * @throws {VocabularyError} for a token outside the vocabulary.
 */
export function batches(
  arrays: Readonly<Record<string, BatchedArray>>,
  options: { readonly resetsState?: boolean; readonly vocabulary?: Vocabulary } = {},
): DataSource {
  const entries = Object.entries(arrays);
  const [first] = entries;
  if (!first) throw new ShapeError('batches: got no arrays, expected one per model input.');
  const fields = entries.map(([name, array]) => batchedField(name, array));
  const batchCount = first[1].shape[0] as number;
  for (const [name, { shape }] of entries) {
    if (shape[0] === batchCount) continue;
    throw new ShapeError(
      `batches: '${name}' has ${shape[0]} batches, '${first[0]}' has ${batchCount}, expected equal ` +
        'numbers. Cut the longer one.',
    );
  }
  const { resetsState = false, vocabulary } = options;
  return { fields, batchCount, resetsState, ...(vocabulary && { vocabulary }) };
}

function batchedField(name: string, given: BatchedArray): DataField {
  const { values, shape, vocabularySize } = given;
  const isInteger = values instanceof Int32Array;
  if (!isInteger && !(values instanceof Float32Array)) {
    throw new ShapeError(
      `batches: '${name}' is ${show(values)}, expected an Int32Array or Float32Array of values.`,
    );
  }
  const isShape = shape.length > 0 && shape.every((n) => Number.isSafeInteger(n) && n > 0);
  if (!isShape || sizeOf(shape) !== values.length) {
    throw new ShapeError(
      `batches: '${name}' has ${values.length} values and shape ${formatShape(shape)}, expected ` +
        `${isShape ? `${sizeOf(shape)} values` : 'positive integers, the number of batches first'}.`,
    );
  }
  if (vocabularySize !== undefined) checkTokens(name, given, vocabularySize);
  const batchShape = shape.slice(1);
  return {
    name,
    dtype: isInteger ? 'i32' : 'f32',
    shape: batchShape,
    array: values,
    offset: 0,
    batchStride: sizeOf(batchShape),
    strides: batchShape.map((_, axis) => sizeOf(batchShape.slice(axis + 1))),
  };
}

function checkTokens(name: string, { values, ignoreIndex }: BatchedArray, size: number): void {
  for (const [index, token] of values.entries()) {
    if ((token >= 0 && token < size) || token === ignoreIndex) continue;
    const ignored = ignoreIndex === undefined ? '' : ` or ${ignoreIndex}`;
    throw new VocabularyError(
      `batches: '${name}' has token ${token} at ${index}, expected 0 to ${size - 1}${ignored}. ` +
        'Correct the tokens or enlarge the vocabulary.',
    );
  }
}

/** A field's batch of a step: the reference of gather-batch. f32 values come as float64. */
export function gatherField(field: DataField, batchCount: number, step: number): Values {
  const { array, shape, strides, dtype } = field;
  const size = sizeOf(shape);
  const gathered = dtype === 'i32' ? new Int32Array(size) : new Float64Array(size);
  const start = (step % batchCount) * field.batchStride + field.offset;
  for (let index = 0; index < size; index++) {
    let at = start;
    let left = index;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = shape[axis] as number;
      at += (left % extent) * (strides[axis] as number);
      left = Math.floor(left / extent);
    }
    gathered[index] = array[at] as number;
  }
  return gathered;
}

/** Every field's batch of a step, by name. */
export function gatherBatch(source: DataSource, step: number): Map<string, Values> {
  return new Map(
    source.fields.map((field) => [field.name, gatherField(field, source.batchCount, step)]),
  );
}

/** The arrays of data sources that lie on the GPU, each once, with the keys of their shared buffers. */
export function residentArrays(
  sources: readonly DataSource[],
): ReadonlyMap<Int32Array | Float32Array, string> {
  const keys = new Map<Int32Array | Float32Array, string>();
  for (const { array } of sources.flatMap(({ fields }) => fields)) {
    if (!keys.has(array)) keys.set(array, `data/${keys.size}`);
  }
  return keys;
}
