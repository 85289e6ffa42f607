import { OptionError, ShapeError } from '../errors.ts';
import { formatShape, sortNodes, type TensorType } from '../graph/tensor.ts';
import type { Model, TracedModel } from '../layers/model.ts';
import { checkTokens } from './check-tokens.ts';
import type { TensorArray } from './run-graph.ts';
import { finalStates } from './training-graph.ts';

/** A tensor with its shape, outside of the library. */
export interface ShapedArray {
  readonly data: TensorArray;
  readonly shape: readonly number[];
}

/** Arrays by name, in the order of the names. */
export function shapeArrays(
  types: Readonly<Record<string, Pick<TensorType, 'shape'>>>,
  arrays: readonly TensorArray[],
): Record<string, ShapedArray> {
  const entries = Object.entries(types).map(([name, { shape }], index): [string, ShapedArray] => [
    name,
    { data: arrays[index] as TensorArray, shape },
  ]);
  return Object.fromEntries(entries);
}

/** Options of `network.stream()`. */
export interface StreamOptions {
  /**
   * Shape and element type of what each step feeds, by the model's names: `{ input: { shape: [1, B, I], dtype:
   * 'f32' } }` for one time step of B sequences, more time steps for chunks, `[B, I]` for models of cells.
   */
  readonly inputs: Readonly<Record<string, TensorType>>;
}

/** What the next step reads, by the model's names. */
export type StreamInputs = Readonly<Record<string, TensorArray>>;

/**
 * Sequences without an end, some time steps at a time. The recurrent states stay where they are computed, on
 * the GPU; a step uploads its inputs and submits once, and creates nothing.
 */
export interface Stream {
  /** The outputs' shapes by name (`output` for a single one). */
  readonly outputs: Readonly<Record<string, TensorType>>;
  /** Names and shapes [states, B, H] of the states that are kept, in the order of the cell: h, then c. */
  readonly states: Readonly<Record<string, TensorType>>;
  /**
   * Feeds the next time steps. Waits for nothing.
   *
   * @throws {ShapeError} for inputs that are missing or have another size.
   * @throws {VocabularyError} for a token that the model does not know.
   */
  push(inputs: StreamInputs): void;
  /** The outputs of the last step that was pushed, by name. */
  read(): Promise<Record<string, ShapedArray>>;
  /** {@link push}, then {@link read}. Steps may overlap: each returns its own outputs. */
  step(inputs: StreamInputs): Promise<Record<string, ShapedArray>>;
  /**
   * Begins anew: states become zero.
   *
   * @param options.rows - the sequences of the batch that begin anew; absent: all.
   */
  reset(options?: { readonly rows?: readonly number[] }): void;
  /** The states after the steps pushed so far. */
  readState(): Promise<Record<string, ShapedArray>>;
  /** Goes on from other states; those that are absent stay. @throws {ShapeError} for others than {@link states}. */
  writeState(states: Readonly<Record<string, TensorArray | Float64Array>>): void;
  /** Frees what the stream holds. The network stays. */
  dispose(): void;
}

/** Operators that walk through time, one way or the other. */
const walks = ['recurrence', 'scan'];

interface WalkAttributes {
  readonly reverse: boolean;
}

/**
 * A model's graph for one step of a stream.
 *
 * @throws {OptionError} for a layer that reads backwards in time, and a model without a state.
 */
export function traceStream(model: Model, { inputs }: StreamOptions): TracedModel {
  const traced = model.trace(inputs, { carriesState: true });
  for (const node of sortNodes(Object.values(traced.outputs))) {
    if (!walks.includes(node.op.name) || !(node.attributes as WalkAttributes).reverse) continue;
    throw new OptionError(
      `stream: '${node.label}' reads time from its end, and a stream has none. Use forward() on whole ` +
        "sequences, or a model of layers with direction: 'forward'.",
    );
  }
  if (finalStates({ traced }).length === 0) {
    throw new OptionError('stream: the model keeps no state from step to step. Use forward().');
  }
  return traced;
}

/** What streams on a device and on the reference have in common: checks of what comes in. */
export class StreamShape {
  readonly outputs: Readonly<Record<string, TensorType>>;
  readonly states: Readonly<Record<string, TensorType>>;
  readonly #hasTokens: boolean;

  constructor(readonly traced: TracedModel) {
    const typeOf = ({ shape, dtype }: TensorType) => ({ shape, dtype });
    const types = (entries: Iterable<readonly [string, TensorType]>) =>
      Object.fromEntries([...entries].map(([name, type]) => [name, typeOf(type)]));
    this.outputs = types(Object.entries(traced.outputs));
    this.states = types([...traced.states].map(([name, { initial }]) => [name, initial] as const));
    this.#hasTokens = Object.values(traced.inputs).some(({ dtype }) => dtype === 'i32');
  }

  checkInputs(inputs: StreamInputs): void {
    for (const [name, { shape, size, dtype }] of Object.entries(this.traced.inputs)) {
      const data = inputs[name];
      const isFit = dtype === 'i32' ? data instanceof Int32Array : data instanceof Float32Array;
      if (isFit && data?.length === size) continue;
      const got = data ? `${data.constructor.name} of ${data.length}` : 'not given';
      throw new ShapeError(
        `stream: input '${name}' is ${got}, expected ${dtype} ${formatShape(shape)} = ${size} elements in ` +
          `${dtype === 'i32' ? 'an Int32Array' : 'a Float32Array'}.`,
      );
    }
    if (!this.#hasTokens) return;
    checkTokens('stream', Object.values(this.traced.outputs), (name) => inputs[name]);
  }

  checkStates(states: Readonly<Record<string, ArrayLike<number>>>): void {
    for (const [name, { length }] of Object.entries(states)) {
      const known = this.traced.states.get(name)?.initial;
      if (known?.size === length) continue;
      const names = [...this.traced.states.keys()].join(', ');
      throw new ShapeError(
        known
          ? `stream: state '${name}' has ${length} values, expected ${known.size} for ${formatShape(known.shape)}.`
          : `stream: there is no state '${name}', the model keeps ${names}.`,
      );
    }
  }

  /** Where the values of some sequences lie in a state [states, B, H]: begin and length of each part. */
  partsOf(name: string, rows: readonly number[]): { begin: number; length: number }[] {
    const [states = 0, batch = 0, length = 0] = this.states[name]?.shape ?? [];
    return rows.flatMap((row) => {
      if (!Number.isSafeInteger(row) || row < 0 || row >= batch) {
        throw new OptionError(
          `stream: row ${row} cannot begin anew, expected an integer from 0 to ${batch - 1}.`,
        );
      }
      return Array.from({ length: states }, (_, state) => ({
        begin: (state * batch + row) * length,
        length,
      }));
    });
  }
}
