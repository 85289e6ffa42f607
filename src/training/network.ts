import type { Device } from '../device/device.ts';
import type { Executable } from '../device/executable.ts';
import { FileFormatError, OptionError, ShapeError } from '../errors.ts';
import type { Precision } from '../graph/operator.ts';
import type { TensorType } from '../graph/tensor.ts';
import { buildModel } from '../layers/build.ts';
import type { LayerConfig } from '../layers/layer.ts';
import type { Model, TracedModel } from '../layers/model.ts';
import type { ParameterLayout } from '../schedule/parameter-layout.ts';
import { sharedKeys } from '../schedule/program.ts';
import { schedule } from '../schedule/schedule.ts';
import type { Tuning } from '../tuning/tuning.ts';
import { checkTokens } from './check-tokens.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { NamedArrays } from './engine.ts';
import { GpuStore } from './gpu-store.ts';
import { planOptions } from './plan-limits.ts';
import { checkPrecision } from './precision.ts';
import { flattenParameters, runGraph, type TensorArray } from './run-graph.ts';
import { GpuSampler, ReferenceSampler, type Sampler } from './sampler.ts';
import { parseSampleOptions, type SampleOptions } from './sampling.ts';
import { type ShapedArray, type Stream, type StreamOptions, shapeArrays } from './stream.ts';
import { GpuStream } from './stream-gpu.ts';
import { ReferenceStream } from './stream-reference.ts';
import { layoutOf } from './training-graph.ts';
import { chooseShapes } from './tuned-shapes.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Where a network's weights are. */
export type NetworkWeights =
  | { readonly kind: 'gpu'; readonly store: GpuStore; readonly ownsStore: boolean }
  | { readonly kind: 'reference'; readonly read: () => NamedArrays };

/** A model with weights on a device, for use without training. */
export class Network {
  #sampler: Promise<Sampler> | undefined;
  #executables = new Map<string, Promise<Executable>>();
  #streams: Promise<Stream>[] = [];

  /** @internal Networks come from {@link Network.load} and from trainers. */
  constructor(
    readonly model: Model,
    readonly layout: ParameterLayout,
    readonly vocabulary: Vocabulary | undefined,
    private readonly weights: NetworkWeights,
    private readonly precision: Precision = 'f32',
  ) {}

  /**
   * Loads a sequential model with its weights and vocabulary from a checkpoint.
   *
   * @param options.tuning - kernel shapes measured on the device, see `tune()`; without it the rules choose.
   * @throws {FileFormatError} if the bytes are no checkpoint of Gatefold or lack a weight.
   * @throws {OptionError} for f16 on a device that does not have it.
   */
  static async load(options: {
    readonly device: Device | 'reference';
    readonly checkpoint: Uint8Array;
    readonly tuning?: Tuning | readonly Tuning[];
    /** How weights and activations are stored on the device. Default `f32`; `f16` needs `shader-f16`. */
    readonly precision?: Precision;
  }): Promise<Network> {
    const precision = checkPrecision('load', options.device, options.precision);
    const info = readCheckpoint(options.checkpoint);
    if (!info.config) {
      throw new OptionError(
        'load: the checkpoint holds a model that was written as a function, expected sequential layers. ' +
          'Build the model in code and pass the checkpoint to Trainer.create.',
      );
    }
    const model = buildModel(info.config);
    const { parameters } = info.readState();
    const traced = model.trace(info.inputs);
    const layout = layoutOf(traced);
    const { device } = options;
    const { vocabulary } = info;
    const flat = flattenWeights(layout, parameters);
    if (device === 'reference') {
      return new Network(model, layout, vocabulary, { kind: 'reference', read: () => parameters });
    }
    const store = new GpuStore(device, chooseShapes(device, options.tuning));
    store.create(sharedKeys.parameters, flat.byteLength, new Uint8Array(flat.buffer));
    const weights = { kind: 'gpu', store, ownsStore: true } as const;
    return new Network(model, layout, vocabulary, weights, precision);
  }

  /** The layers as plain data where the model is sequential. */
  get config(): readonly LayerConfig[] | undefined {
    return this.model.config;
  }

  /**
   * Computes the model's outputs.
   *
   * @param inputs - by name (`input` for a sequential model), e.g. tokens i32 [T, B] or floats [T, B, I].
   * @returns the outputs by name (`output` for a single one).
   * @throws {ShapeError} if an input does not fit the model.
   * @throws {VocabularyError} for a token that the model does not know.
   */
  async forward(
    inputs: Readonly<Record<string, ShapedArray>>,
  ): Promise<Record<string, ShapedArray>> {
    const types: Record<string, TensorType> = {};
    for (const [name, { data, shape }] of Object.entries(inputs)) {
      const size = shape.reduce((product, extent) => product * extent, 1);
      if (size !== data.length) {
        throw new ShapeError(
          `forward: input '${name}' has ${data.length} values, expected ${size} for shape ` +
            `[${shape.join(', ')}].`,
        );
      }
      types[name] = { shape, dtype: data instanceof Int32Array ? 'i32' : 'f32' };
    }
    const traced = this.model.trace(types);
    checkTokens('forward', Object.values(traced.outputs), (name) => inputs[name]?.data);
    return this.weights.kind === 'gpu'
      ? this.#forwardOnDevice(this.weights.store, traced, types, inputs)
      : this.#forwardOnReference(this.weights.read(), traced, inputs);
  }

  /**
   * Continues a prompt, one token after another, on the device.
   *
   * @returns the text that follows the prompt.
   * @throws {OptionError} or {VocabularyError} for options or a prompt that do not fit.
   */
  async sample(prompt: string, options: SampleOptions = {}): Promise<string> {
    const { vocabulary } = this;
    if (!vocabulary) {
      throw new OptionError('sample: the model has no vocabulary. Use sampleTokens().');
    }
    return vocabulary.decode(await this.sampleTokens(prompt, options));
  }

  /** Like {@link sample}, for tokens. */
  async sampleTokens(
    prompt: string | Iterable<number>,
    options: SampleOptions = {},
  ): Promise<Int32Array> {
    this.#sampler ??= this.#makeSampler();
    const sampler = await this.#sampler;
    const known = { size: sampler.vocabularySize, vocabulary: this.vocabulary };
    const request = parseSampleOptions(prompt, options, known);
    const tokens = await sampler.sample(request);
    return tokens.slice(request.prompt.length);
  }

  /**
   * Begins sequences that are fed some time steps at a time, states kept on the device in between: of layers
   * and of cells, where the model gives them none. Each stream has states of its own.
   *
   * @example
   * const stream = await network.stream({ inputs: { input: { shape: [1, 1, 30], dtype: 'f32' } } });
   * const { output } = await stream.step({ input: samples });
   * @throws {OptionError} for a model with a layer that reads backwards in time, or without a state.
   */
  stream(options: StreamOptions): Promise<Stream> {
    const { weights, model, layout, precision } = this;
    const prefix = `stream-${this.#streams.length}/`;
    const made: Promise<Stream> =
      weights.kind === 'gpu'
        ? GpuStream.create(weights.store, model, layout, precision, prefix, options)
        : Promise.resolve(options).then((given) => new ReferenceStream(model, weights.read, given));
    this.#streams.push(made);
    return made;
  }

  /** Frees what was compiled, streams included, and the weights unless a trainer owns them. */
  async dispose(): Promise<void> {
    const made = [
      ...(this.#sampler !== undefined ? [this.#sampler] : []),
      ...this.#executables.values(),
      ...this.#streams,
    ];
    // What could not be made has told so when it was asked for.
    for (const result of await Promise.allSettled<{ dispose(): void }>(made)) {
      if (result.status === 'fulfilled') result.value.dispose();
    }
    this.#sampler = undefined;
    this.#executables.clear();
    this.#streams = [];
    if (this.weights.kind === 'gpu' && this.weights.ownsStore) this.weights.store.dispose();
  }

  #makeSampler(): Promise<Sampler> {
    const { weights, model, layout, precision } = this;
    return weights.kind === 'gpu'
      ? GpuSampler.create(weights.store, model, layout, precision)
      : Promise.resolve(new ReferenceSampler(model, weights.read));
  }

  async #forwardOnDevice(
    store: GpuStore,
    traced: TracedModel,
    types: Readonly<Record<string, TensorType>>,
    inputs: Readonly<Record<string, ShapedArray>>,
  ): Promise<Record<string, ShapedArray>> {
    const key = JSON.stringify(types);
    const outputs = new Map(Object.entries(traced.outputs));
    let pending = this.#executables.get(key);
    if (pending === undefined) {
      const plan = schedule(
        { name: 'forward', parameters: this.layout, outputs },
        { ...planOptions(store), precision: this.precision, packsOnce: true },
      );
      pending = store.device.compile(plan, store.buffers);
      this.#executables.set(key, pending);
    }
    const executable = await pending;
    for (const [name, { data }] of Object.entries(inputs)) {
      if (executable.plan.tensors.has(name)) executable.write(name, data);
    }
    const arrays = await executable.runAndRead([...outputs.keys()], {
      version: store.parametersVersion,
    });
    return shapeArrays(traced.outputs, arrays);
  }

  async #forwardOnReference(
    parameters: NamedArrays,
    traced: TracedModel,
    inputs: Readonly<Record<string, ShapedArray>>,
  ): Promise<Record<string, ShapedArray>> {
    const results = await runGraph('reference', {
      outputs: new Map(Object.entries(traced.outputs)),
      inputs: new Map(Object.entries(inputs).map(([name, { data }]) => [name, data])),
      parameters,
    });
    return Object.fromEntries(
      Object.entries(traced.outputs).map(([name, { shape }]) => {
        return [name, { data: results.get(name) as TensorArray, shape }];
      }),
    );
  }
}

/** Weights of a file as one flat array. @throws {FileFormatError} if they are not the model's. */
function flattenWeights(layout: ParameterLayout, weights: NamedArrays) {
  try {
    return flattenParameters(layout, weights);
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new FileFormatError(
      `checkpoint: ${cause.message} The file does not hold the model that it describes.`,
      { cause },
    );
  }
}
