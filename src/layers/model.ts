import { OptionError, ShapeError } from '../errors.ts';
import { input, type Parameter } from '../graph/sources.ts';
import { SymbolicTensor, type TensorType } from '../graph/tensor.ts';
import type { Layer, LayerConfig } from './layer.ts';
import { type CarriedState, LayerNames, Trace, type TraceMode, withTrace } from './trace.ts';

/** Named symbolic tensors: a model's inputs, or its outputs where it has several. */
export type NamedTensors = Readonly<Record<string, SymbolicTensor>>;

/** A model written as a function: named inputs to one output or several named ones. */
export type ModelFunction = (inputs: NamedTensors) => SymbolicTensor | NamedTensors;

/** A model's graph for inputs of one shape. */
export interface TracedModel {
  readonly inputs: NamedTensors;
  /** The outputs by name; a single output is called `output`. */
  readonly outputs: NamedTensors;
  /** In the order of their first use, which is the order in files. */
  readonly parameters: ReadonlyMap<
    string,
    { readonly parameter: Parameter; readonly tensor: SymbolicTensor }
  >;
  /** States of recurrent layers that survive the step, by name. Empty unless asked for. */
  readonly states: ReadonlyMap<string, CarriedState>;
}

/** How to trace a model. */
export interface TraceOptions {
  /** Default `inference`. */
  readonly mode?: TraceMode;
  /** Recurrent layers go on from the state they ended with. Default false: they start at zero. */
  readonly carriesState?: boolean;
}

/** A recurrent network as a function of its inputs, independent of shapes and devices. */
export class Model {
  readonly #names = new LayerNames();
  readonly #define: ModelFunction;

  constructor(
    define: ModelFunction,
    /** The layers as plain data where the model is a {@link sequential} one. */
    readonly config: readonly LayerConfig[] | undefined,
  ) {
    this.#define = define;
  }

  /**
   * Builds the model's graph for inputs of given shapes.
   *
   * @throws {ShapeError} or {OptionError} from a layer, naming it, what it got and what it expects.
   */
  trace(inputs: Readonly<Record<string, TensorType>>, options: TraceOptions = {}): TracedModel {
    const trace = new Trace(
      this.#names,
      options.mode ?? 'inference',
      options.carriesState ?? false,
    );
    const symbols = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]),
    );
    const result = withTrace(trace, () => this.#define(refuseMissing(symbols)));
    const outputs = result instanceof SymbolicTensor ? { output: result } : { ...result };
    for (const [name, tensor] of Object.entries(outputs)) {
      if (tensor instanceof SymbolicTensor) continue;
      throw new ShapeError(`model: output '${name}' is not a tensor. Return tensors only.`);
    }
    return { inputs: symbols, outputs, parameters: trace.parameters, states: trace.states };
  }
}

/** Reading an input that was not given is an error and not `undefined`. */
function refuseMissing(inputs: NamedTensors): NamedTensors {
  return new Proxy(inputs, {
    get(target, name) {
      const tensor = typeof name === 'string' ? target[name] : undefined;
      if (tensor || typeof name === 'symbol') return tensor as SymbolicTensor;
      throw new OptionError(
        `model: input '${name}' is not given, there is ${Object.keys(target).join(', ')}. ` +
          'Name it in the data or in forward().',
      );
    },
  });
}

/**
 * A model as a function of symbolic tensors: for states handed over, shared weights, several inputs and
 * outputs.
 *
 * @example
 * const encoder = lstm(64), decoder = lstm(64), head = linear(10);
 * const translate = model(({ source, shifted }) => {
 *   const { state } = encoder.run(embed(source));
 *   return head(decoder.run(embed(shifted), state).output);
 * });
 */
export function model(define: ModelFunction): Model {
  return new Model(define, undefined);
}

/**
 * A model that applies layers one after another to its only input, `input`.
 *
 * @throws {OptionError} if there are no layers.
 */
export function sequential(layers: readonly Layer[]): Model {
  if (layers.length === 0)
    throw new OptionError('sequential: got no layers, expected at least one.');
  for (const [index, layer] of layers.entries()) {
    if (typeof layer !== 'function') {
      throw new OptionError(
        `sequential: entry ${index} is ${String(layer)}, expected a layer such as lstm(64).`,
      );
    }
  }
  return new Model(
    ({ input: x }) => layers.reduce((value, layer) => layer(value), x as SymbolicTensor),
    layers.map((layer) => layer.config),
  );
}
