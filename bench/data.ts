import {
  batches,
  type DataSource,
  linear,
  type Model,
  oneHot,
  recurrent,
  sequential,
  tokenStream,
} from '../src/index.ts';
import { Random, streamOf } from '../src/random.ts';
import { initializeParameters } from '../src/training/initialize.ts';
import { inputTypes, layoutOf } from '../src/training/training-graph.ts';
import type { Workload } from './workloads.ts';

/** Seed of every first weight. */
export const seed = 1;
/** Adam's learning rate. Its other options are PyTorch's defaults: betas 0.9 and 0.999, epsilon 1e-8. */
export const learningRate = 3e-3;
/** The token that sampling begins with. */
export const firstToken = 1;
const batchCount = 4;

/** A weight in PyTorch's layout. */
export interface Weight {
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

/** Weights of one recurrent layer, gates in PyTorch's order. */
export interface LayerWeights {
  /** [G·H, I] */
  readonly ih: Weight;
  /** [G·H, H] */
  readonly hh: Weight;
  /** [G·H] */
  readonly biasIh: Weight;
  /** [G·H] */
  readonly biasHh: Weight;
}

/** First weights of a workload's network. */
export interface Weights {
  readonly layers: readonly LayerWeights[];
  /** The linear layer to logits: weight [V, H] and bias [V]. Absent for `inference`. */
  readonly head?: { readonly weight: Weight; readonly bias: Weight };
}

/** A batch of tokens: what is read, and the token that follows each; [T, B]. */
export interface Batch {
  readonly input: Int32Array<ArrayBuffer>;
  readonly target: Int32Array<ArrayBuffer>;
}

/** The network of a workload: for tokens one-hot, recurrent layers and logits, else the layers alone. */
export function makeModel({ kind, cell, layers, inputSize, hiddenSize }: Workload): Model {
  const layer = recurrent(cell, hiddenSize, { layers });
  return sequential(kind === 'inference' ? [layer] : [oneHot(inputSize), layer, linear(inputSize)]);
}

/**
 * What a trainer of the workload's network reads. Tokens are made up, and three times in four one follows
 * from the one before; step s trains on batch s mod 4. For `inference` the target is zeros: the network is
 * only run.
 */
export function makeData(workload: Workload): DataSource {
  const { kind, batch, steps, inputSize, hiddenSize } = workload;
  if (kind === 'inference') {
    const target = new Float32Array(steps * batch * hiddenSize);
    return batches({
      input: { values: makeInput(workload), shape: [1, steps, batch, inputSize] },
      target: { values: target, shape: [1, steps, batch, hiddenSize] },
    });
  }
  const random = new Random(1, streamOf('bench'));
  const tokens = new Int32Array(batchCount * batch * steps + 1);
  for (let index = 1; index < tokens.length; index++) {
    const successor = (5 * (tokens[index - 1] as number) + 3) % inputSize;
    const any = Math.floor(random.uniform() * inputSize);
    tokens[index] = random.uniform() < 0.75 ? successor : any;
  }
  return tokenStream(tokens, inputSize, { batch, steps });
}

/** The batches of {@link makeData} one after another, for peers. */
export function makeBatches(workload: Workload): Batch[] {
  const { fields } = makeData(workload);
  const size = workload.batch * workload.steps;
  const gather = (name: string, index: number): Int32Array<ArrayBuffer> => {
    const field = fields.find((candidate) => candidate.name === name);
    if (!field) throw new Error(`data of '${workload.name}' has no '${name}'.`);
    const start = index * field.batchStride + field.offset;
    const [stepStride = 0, rowStride = 0] = field.strides;
    return Int32Array.from({ length: size }, (_, at) => {
      const [step, row] = [Math.floor(at / workload.batch), at % workload.batch];
      return field.array[start + step * stepStride + row * rowStride] as number;
    });
  };
  return Array.from({ length: batchCount }, (_, index) => ({
    input: gather('input', index),
    target: gather('target', index),
  }));
}

/** x [T, B, I] of `inference`: uniform in [-1, 1). */
export function makeInput({ steps, batch, inputSize }: Workload): Float32Array<ArrayBuffer> {
  const random = new Random(1, streamOf('bench input'));
  return Float32Array.from({ length: steps * batch * inputSize }, () => 2 * random.uniform() - 1);
}

/**
 * What the input weights of `sampling` are multiplied by. With first weights as they are the likeliest token
 * is soon the same for ever; like this it depends on the tokens before.
 */
const samplingInputScale = 16;

/**
 * First weights: those that Gatefold's trainer starts with for {@link seed}, uniform in ±1/√H as PyTorch's.
 * For `sampling` the input weights are larger.
 */
export function makeWeights(workload: Workload): Weights {
  const traced = makeModel(workload).trace(inputTypes(makeData(workload)));
  const layout = layoutOf(traced);
  const values = initializeParameters(layout, seed);
  const take = (name: string): Weight => {
    const slot = layout.slots.get(name);
    const weight = values.get(name);
    if (!slot || !weight) throw new Error(`the network of '${workload.name}' has no '${name}'.`);
    const scale =
      workload.kind === 'sampling' && name.includes('weight_ih') ? samplingInputScale : 1;
    return {
      shape: slot.parameter.shape,
      values: Float32Array.from(weight, (value) => scale * value),
    };
  };
  const layers = Array.from({ length: workload.layers }, (_, index) => ({
    ih: take(`${workload.cell}.weight_ih_l${index}`),
    hh: take(`${workload.cell}.weight_hh_l${index}`),
    biasIh: take(`${workload.cell}.bias_ih_l${index}`),
    biasHh: take(`${workload.cell}.bias_hh_l${index}`),
  }));
  if (workload.kind === 'inference') return { layers };
  return { layers, head: { weight: take('linear.weight'), bias: take('linear.bias') } };
}
