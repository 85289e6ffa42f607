import type { Executable } from '../device/executable.ts';
import { OptionError } from '../errors.ts';
import type { Precision } from '../graph/operator.ts';
import type { Model, TracedModel } from '../layers/model.ts';
import type { ParameterLayout } from '../schedule/parameter-layout.ts';
import { type Program, sharedKeys } from '../schedule/program.ts';
import { schedule } from '../schedule/schedule.ts';
import { carryStates, placeStates } from './carried-states.ts';
import type { GpuStore } from './gpu-store.ts';
import { planOptions } from './plan-limits.ts';
import type { TensorArray } from './run-graph.ts';
import {
  type ShapedArray,
  type Stream,
  type StreamInputs,
  type StreamOptions,
  StreamShape,
  shapeArrays,
  traceStream,
} from './stream.ts';
import { finalStates } from './training-graph.ts';

/** What one step of a stream computes: the outputs, and the states in place of those before. */
export function streamProgram(traced: TracedModel, layout: ParameterLayout): Program {
  return {
    name: 'stream',
    parameters: layout,
    outputs: new Map(Object.entries(traced.outputs)),
    alsoComputed: finalStates({ traced }),
    before: (lowering) => placeStates(lowering, traced),
    after: (lowering) => carryStates(lowering, traced),
  };
}

/** A stream whose states are buffers of the device, under a prefix of their own. */
export class GpuStream implements Stream {
  #disposed = false;
  #hasOutputs = false;

  private constructor(
    private readonly store: GpuStore,
    private readonly shape: StreamShape,
    private readonly executable: Executable,
    private readonly prefix: string,
  ) {}

  /**
   * @param store - holds the `parameters` buffer in `layout`.
   * @param prefix - keeps the stream's states apart from others in the store.
   */
  static async create(
    store: GpuStore,
    model: Model,
    layout: ParameterLayout,
    precision: Precision,
    prefix: string,
    options: StreamOptions,
  ): Promise<GpuStream> {
    const traced = traceStream(model, options);
    const plan = schedule(streamProgram(traced, layout), {
      ...planOptions(store),
      precision,
      packsOnce: true,
      statePrefix: prefix,
    });
    store.provide(plan);
    const executable = await store.device.compile(plan, store.buffers);
    return new GpuStream(store, new StreamShape(traced), executable, prefix);
  }

  get outputs() {
    return this.shape.outputs;
  }

  get states() {
    return this.shape.states;
  }

  push(inputs: StreamInputs): void {
    this.#feed('push', inputs);
    this.executable.run({ version: this.store.parametersVersion });
    this.#hasOutputs = true;
  }

  async read(): Promise<Record<string, ShapedArray>> {
    this.#assertUsable('read');
    if (!this.#hasOutputs) throw new OptionError('stream: read before the first push().');
    const arrays = await this.executable.readAll(Object.keys(this.outputs));
    return shapeArrays(this.outputs, arrays);
  }

  async step(inputs: StreamInputs): Promise<Record<string, ShapedArray>> {
    this.#feed('step', inputs);
    const { parametersVersion: version } = this.store;
    const arrays = this.executable.runAndRead(Object.keys(this.outputs), { version });
    this.#hasOutputs = true;
    return shapeArrays(this.outputs, await arrays);
  }

  reset({ rows }: { readonly rows?: readonly number[] } = {}): void {
    this.#assertUsable('reset');
    for (const name of Object.keys(this.states)) {
      if (rows === undefined) {
        this.store.clear(this.#key(name));
        continue;
      }
      for (const { begin, length } of this.shape.partsOf(name, rows)) {
        this.store.write(this.#key(name), new Float32Array(length), 4 * begin);
      }
    }
  }

  async readState(): Promise<Record<string, ShapedArray>> {
    this.#assertUsable('read states');
    const reads = Object.entries(this.states).map(
      async ([name, { shape }]): Promise<[string, ShapedArray]> => {
        const size = shape.reduce((product, extent) => product * extent, 1);
        const { buffer } = await this.store.read(this.#key(name), 4 * size);
        return [name, { data: new Float32Array(buffer), shape }];
      },
    );
    return Object.fromEntries(await Promise.all(reads));
  }

  writeState(states: Readonly<Record<string, TensorArray | Float64Array>>): void {
    this.#assertUsable('write states');
    this.shape.checkStates(states);
    for (const [name, data] of Object.entries(states)) {
      this.store.write(this.#key(name), Float32Array.from(data));
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.executable.dispose();
    for (const name of Object.keys(this.states)) this.store.remove(this.#key(name));
  }

  #key(name: string): string {
    return `${this.prefix}${sharedKeys.state(name)}`;
  }

  #feed(action: string, inputs: StreamInputs): void {
    this.#assertUsable(action);
    this.shape.checkInputs(inputs);
    const { executable } = this;
    for (const name of Object.keys(this.shape.traced.inputs)) {
      if (executable.plan.tensors.has(name)) executable.write(name, inputs[name] as TensorArray);
    }
  }

  #assertUsable(action: string): void {
    if (!this.#disposed) return;
    throw new OptionError(`stream: ${action} after dispose(). Make another one with stream().`);
  }
}
