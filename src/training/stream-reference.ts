import { OptionError } from '../errors.ts';
import type { Values } from '../graph/operator.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Model } from '../layers/model.ts';
import { evaluateGraph } from '../reference/interpreter.ts';
import type { NamedArrays } from './engine.ts';
import type { TensorArray } from './run-graph.ts';
import {
  type ShapedArray,
  type Stream,
  type StreamInputs,
  type StreamOptions,
  StreamShape,
  traceStream,
} from './stream.ts';
import { finalStates } from './training-graph.ts';

/** A stream in float64 on the CPU. */
export class ReferenceStream implements Stream {
  readonly #shape: StreamShape;
  #states: Map<string, Float64Array>;
  #results: Record<string, ShapedArray> | undefined;

  constructor(
    model: Model,
    private readonly parameters: () => NamedArrays,
    options: StreamOptions,
  ) {
    this.#shape = new StreamShape(traceStream(model, options));
    this.#states = this.#zeros();
  }

  get outputs() {
    return this.#shape.outputs;
  }

  get states() {
    return this.#shape.states;
  }

  push(inputs: StreamInputs): void {
    this.#shape.checkInputs(inputs);
    const { traced } = this.#shape;
    const widen = (data: TensorArray): Values =>
      data instanceof Int32Array ? data : Float64Array.from(data);
    const values = evaluateGraph([...Object.values(traced.outputs), ...finalStates({ traced })], {
      inputs: new Map(Object.entries(inputs).map(([name, data]) => [name, widen(data)])),
      states: this.#states,
      parameters: new Map(
        [...this.parameters()].map(([name, data]) => [name, Float64Array.from(data)]),
      ),
    });
    this.#results = Object.fromEntries(
      Object.entries(traced.outputs).map(([name, tensor]) => {
        const value = values.get(tensor) as Values;
        const data = value instanceof Int32Array ? value : Float32Array.from(value);
        return [name, { data, shape: tensor.shape }];
      }),
    );
    this.#states = new Map(
      [...traced.states].flatMap(([name, { final }]) =>
        final ? [[name, Float64Array.from(values.get(final) as Values)] as const] : [],
      ),
    );
  }

  read(): Promise<Record<string, ShapedArray>> {
    if (this.#results) return Promise.resolve(this.#results);
    return Promise.reject(new OptionError('stream: read before the first push().'));
  }

  async step(inputs: StreamInputs): Promise<Record<string, ShapedArray>> {
    this.push(inputs);
    return this.read();
  }

  reset({ rows }: { readonly rows?: readonly number[] } = {}): void {
    if (rows === undefined) {
      this.#states = this.#zeros();
      return;
    }
    for (const [name, values] of this.#states) {
      for (const { begin, length } of this.#shape.partsOf(name, rows)) {
        values.fill(0, begin, begin + length);
      }
    }
  }

  readState(): Promise<Record<string, ShapedArray>> {
    const entries = [...this.#states].map(([name, values]): [string, ShapedArray] => {
      return [name, { data: Float32Array.from(values), shape: this.states[name]?.shape ?? [] }];
    });
    return Promise.resolve(Object.fromEntries(entries));
  }

  writeState(states: Readonly<Record<string, TensorArray | Float64Array>>): void {
    this.#shape.checkStates(states);
    for (const [name, data] of Object.entries(states)) {
      this.#states.set(name, Float64Array.from(data));
    }
  }

  dispose(): void {}

  #zeros(): Map<string, Float64Array> {
    return new Map(
      Object.entries(this.states).map(([name, { shape }]) => [
        name,
        new Float64Array(sizeOf(shape)),
      ]),
    );
  }
}
