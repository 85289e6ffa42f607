import { OptionError } from '../errors.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { dropout as applyDropout } from '../ops/dropout.ts';
import { oneHot as encodeOneHot, embedding as lookUp } from '../ops/embedding.ts';
import { project } from '../ops/project.ts';
import { lastStep as takeLastStep } from '../ops/slice.ts';
import { relu as applyRelu, sigmoid as applySigmoid, tanh as applyTanh } from '../ops/unary.ts';
import { streamOf } from '../random.ts';
import { normal, uniform } from './initializers.ts';
import { type Layer, type LayerConfig, refuseUnknown, requireSize } from './layer.ts';
import { currentTrace } from './trace.ts';

/** Options every layer with parameters takes. */
export interface NamedLayerOptions {
  /** Prefix of the parameters' names in files; by default the kind, numbered where it repeats. */
  readonly name?: string;
}

/** Options of {@link linear}. */
export interface LinearOptions extends NamedLayerOptions {
  /** Default true. */
  readonly bias?: boolean;
}

/** Options of {@link dropout}. */
export interface DropoutLayerOptions extends NamedLayerOptions {
  /** One mask for all time steps of x [T, B, …] (variational or locked dropout). Default false. */
  readonly perSequence?: boolean;
}

/** A layer that is a function of one tensor. */
export function makeLayer(
  config: LayerConfig,
  apply: (x: SymbolicTensor) => SymbolicTensor,
): Layer {
  return Object.assign(apply, { kind: config.kind, config });
}

/**
 * Learned vectors by token: i32 [...] → [..., size].
 *
 * Parameters: `weight` [vocabularySize, size], initialised from N(0, 1) as PyTorch's nn.Embedding.
 */
export function embedding(
  vocabularySize: number,
  size: number,
  options: NamedLayerOptions = {},
): Layer {
  requireSize('embedding', 'vocabularySize', vocabularySize);
  requireSize('embedding', 'size', size);
  refuseUnknown('embedding', options, ['name']);
  const layer: Layer = makeLayer(
    { kind: 'embedding', vocabularySize, size, ...options },
    (tokens) => {
      const trace = currentTrace('embedding');
      const name = trace.names.nameOf(layer, 'embedding', options.name);
      const weight = trace.parameter(`${name}.weight`, [vocabularySize, size], normal(1));
      return lookUp(tokens, weight, name);
    },
  );
  return layer;
}

/** Tokens as rows with a single 1: i32 [...] → [..., vocabularySize]. A following layer gathers instead. */
export function oneHot(vocabularySize: number): Layer {
  requireSize('oneHot', 'vocabularySize', vocabularySize);
  return makeLayer({ kind: 'oneHot', vocabularySize }, (tokens) =>
    encodeOneHot(tokens, vocabularySize),
  );
}

/**
 * The affine map of the last axis: [..., I] → [..., outputSize].
 *
 * Parameters: `weight` [outputSize, I] and `bias` [outputSize], initialised uniformly in ±1/√I as PyTorch's
 * nn.Linear.
 */
export function linear(outputSize: number, options: LinearOptions = {}): Layer {
  requireSize('linear', 'outputSize', outputSize);
  refuseUnknown('linear', options, ['name', 'bias']);
  const layer: Layer = makeLayer({ kind: 'linear', outputSize, ...options }, (x) => {
    const trace = currentTrace('linear');
    const name = trace.names.nameOf(layer, 'linear', options.name);
    const inputs = x.shape.at(-1) ?? 0;
    const bound = 1 / Math.sqrt(inputs);
    const weight = trace.parameter(`${name}.weight`, [outputSize, inputs], uniform(bound));
    const bias =
      options.bias === false
        ? undefined
        : trace.parameter(`${name}.bias`, [outputSize], uniform(bound));
    return project(x, weight, bias, name);
  });
  return layer;
}

/**
 * Sets values to zero with probability `rate` while training and scales the others by 1/(1 − rate).
 * The masks are drawn from the seed, the step and the layer's name.
 *
 * @throws {OptionError} unless 0 ≤ rate < 1.
 */
export function dropout(rate: number, options: DropoutLayerOptions = {}): Layer {
  if (!(rate >= 0 && rate < 1)) {
    throw new OptionError(`dropout: rate is ${rate}, expected a number in [0, 1).`);
  }
  refuseUnknown('dropout', options, ['name', 'perSequence']);
  const { perSequence = false } = options;
  const layer: Layer = makeLayer({ kind: 'dropout', rate, ...options }, (x) => {
    const trace = currentTrace('dropout');
    const name = trace.names.nameOf(layer, 'dropout', options.name);
    if (trace.mode === 'inference') return x;
    return applyDropout(x, { rate, stream: streamOf(name), perSequence }, name);
  });
  return layer;
}

/** Element-wise tanh as a layer. */
export function tanh(): Layer {
  return makeLayer({ kind: 'tanh' }, (x) => applyTanh(x));
}

/** Element-wise logistic function as a layer. */
export function sigmoid(): Layer {
  return makeLayer({ kind: 'sigmoid' }, (x) => applySigmoid(x));
}

/** Element-wise max(x, 0) as a layer. */
export function relu(): Layer {
  return makeLayer({ kind: 'relu' }, (x) => applyRelu(x));
}

/** The last time step: [T, ...] → [...]. Turns a many-to-many layer into many-to-one. */
export function lastStep(): Layer {
  return makeLayer({ kind: 'lastStep' }, (x) => takeLastStep(x));
}
