import type { Executable } from '../device/executable.ts';
import { OptionError } from '../errors.ts';
import type { Precision, Values } from '../graph/operator.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import type { Model, TracedModel } from '../layers/model.ts';
import { evaluateGraph } from '../reference/interpreter.ts';
import type { ParameterLayout } from '../schedule/parameter-layout.ts';
import { type Program, sharedKeys } from '../schedule/program.ts';
import { schedule } from '../schedule/schedule.ts';
import { carryStates, placeStates } from './carried-states.ts';
import type { NamedArrays } from './engine.ts';
import type { GpuStore } from './gpu-store.ts';
import { planOptions } from './plan-limits.ts';
import {
  countSampleRuns,
  encodeSampleState,
  lowerSampleToken,
  type SampleRequest,
  sampleStateBytes,
  sampleStream,
} from './sampling.ts';
import { drawToken } from './sampling-reference.ts';
import { finalStates } from './training-graph.ts';

/** Continues sequences of tokens with a model. */
export interface Sampler {
  /** Number of tokens that the model tells apart. */
  readonly vocabularySize: number;
  /** The prompt's tokens and those that follow. */
  sample(request: SampleRequest): Promise<Int32Array>;
  dispose(): void;
}

const STATE_PREFIX = 'sample/';
const keys = {
  tokens: `${STATE_PREFIX}tokens`,
  next: `${STATE_PREFIX}next-token`,
  state: `${STATE_PREFIX}position`,
} as const;

/** Most tokens of one sample, prompt included. */
const CAPACITY = 65_536;
/** Tokens per submit: a bound on how long one submit keeps the device. */
const RUNS_PER_SUBMIT = 512;

/** A language model's graph for one token of one sequence, its states carried. */
export interface TokenGraph {
  readonly traced: TracedModel;
  readonly token: SymbolicTensor;
  readonly logits: SymbolicTensor;
}

/** @throws {OptionError} if the model does not map tokens to one score per token. */
export function traceToken(model: Model): TokenGraph {
  const traced = model.trace({ input: { shape: [1, 1], dtype: 'i32' } }, { carriesState: true });
  const { output } = traced.outputs;
  if (output?.shape.length !== 3 || output.shape[0] !== 1 || output.shape[1] !== 1) {
    throw new OptionError(
      `sample: the model maps one token to ${output ? `[${output.shape.join(', ')}]` : 'no output'}, ` +
        'expected [1, 1, vocabulary]: a model from input tokens to logits at every step.',
    );
  }
  return { traced, token: traced.inputs.input as SymbolicTensor, logits: output };
}

/** What one token of a sample computes: logits, the draw, states carried on. */
export function samplingProgram(graph: TokenGraph, layout: ParameterLayout): Program {
  const { traced, token, logits } = graph;
  return {
    name: 'sample',
    parameters: layout,
    outputs: new Map([['logits', logits]]),
    alsoComputed: finalStates(graph),
    isRepeated: true,
    before: (lowering) => {
      lowering.define(token, lowering.shared(keys.next, 4));
      placeStates(lowering, traced);
    },
    after: (lowering) => {
      carryStates(lowering, traced);
      lowerSampleToken(lowering, {
        logits: lowering.view(logits),
        tokens: lowering.shared(keys.tokens, 4 * CAPACITY),
        nextToken: lowering.shared(keys.next, 4),
        state: lowering.shared(keys.state, sampleStateBytes),
        label: 'sample-token',
      });
    },
  };
}

/** Samples on the GPU: all tokens of a request in one submit (per {@link RUNS_PER_SUBMIT}), one readback. */
export class GpuSampler implements Sampler {
  private constructor(
    private readonly store: GpuStore,
    private readonly graph: TokenGraph,
    private readonly executable: Executable,
  ) {}

  /** @param store - holds the `parameters` buffer in `layout`. */
  static async create(
    store: GpuStore,
    model: Model,
    layout: ParameterLayout,
    precision: Precision,
  ): Promise<GpuSampler> {
    const graph = traceToken(model);
    const plan = schedule(samplingProgram(graph, layout), {
      ...planOptions(store),
      precision,
      packsOnce: true,
      statePrefix: STATE_PREFIX,
    });
    store.provide(plan);
    return new GpuSampler(store, graph, await store.device.compile(plan, store.buffers));
  }

  get vocabularySize(): number {
    return this.graph.logits.shape[2] as number;
  }

  async sample(request: SampleRequest): Promise<Int32Array> {
    const { prompt, length } = request;
    if (prompt.length + length > CAPACITY) {
      throw new OptionError(
        `sample: prompt and length are ${prompt.length} and ${length} tokens, expected at most ` +
          `${CAPACITY} together. Sample in parts.`,
      );
    }
    const { store } = this;
    for (const name of this.graph.traced.states.keys()) {
      store.clear(`${STATE_PREFIX}${sharedKeys.state(name)}`);
    }
    store.write(keys.tokens, prompt);
    store.write(keys.next, prompt.slice(0, 1));
    store.write(keys.state, encodeSampleState(request));
    const { parametersVersion: version } = store;
    let runs = countSampleRuns(request);
    for (; runs > RUNS_PER_SUBMIT; runs -= RUNS_PER_SUBMIT) {
      this.executable.run({ repeats: RUNS_PER_SUBMIT, version });
    }
    const bytes = 4 * (prompt.length + length);
    const drawn = { buffer: store.buffer(keys.tokens), offsetBytes: 0, bytes };
    const [tokens] = await this.executable.runAndDownload([drawn], { repeats: runs, version });
    return new Int32Array((tokens as Uint8Array<ArrayBuffer>).buffer);
  }

  dispose(): void {
    this.executable.dispose();
  }
}

/** Samples in float64 on the CPU, with the same random numbers. */
export class ReferenceSampler implements Sampler {
  readonly #graph: TokenGraph;

  constructor(
    model: Model,
    private readonly parameters: () => NamedArrays,
  ) {
    this.#graph = traceToken(model);
  }

  get vocabularySize(): number {
    return this.#graph.logits.shape[2] as number;
  }

  sample(request: SampleRequest): Promise<Int32Array> {
    const { traced, logits } = this.#graph;
    const parameters = new Map(
      [...this.parameters()].map(([name, values]) => [name, Float64Array.from(values)]),
    );
    let states = new Map<string, Values>(
      [...traced.states].map(([name, { initial }]) => [name, new Float64Array(initial.size)]),
    );
    const finals = finalStates(this.#graph);
    const tokens = Int32Array.from({ length: request.prompt.length + request.length });
    tokens.set(request.prompt);
    for (let position = 1; position < tokens.length; position++) {
      const inputs = new Map([['input', tokens.slice(position - 1, position)]]);
      const values = evaluateGraph([logits, ...finals], { inputs, states, parameters });
      states = new Map(
        [...traced.states].flatMap(([name, { final }]) =>
          final ? [[name, values.get(final) as Values]] : [],
        ),
      );
      if (position < request.prompt.length) continue;
      tokens[position] = drawToken(values.get(logits) as Values, {
        ...request,
        stream: sampleStream,
        position,
      });
    }
    return Promise.resolve(tokens);
  }

  dispose(): void {}
}
