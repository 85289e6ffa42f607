import {
  type CellName,
  type DataSource,
  linear,
  type Model,
  oneHot,
  recurrent,
  sequential,
  tokenStream,
} from '../src/index.ts';
import { Random, streamOf } from '../src/random.ts';

/**
 * A training step to measure: forward, softmax cross-entropy at every time step, backward through all of
 * them, Adam; float32, tokens one-hot.
 */
export interface Workload {
  readonly cell: CellName;
  readonly layers: number;
  readonly batch: number;
  /** Time steps. */
  readonly steps: number;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
}

/** The workloads by name. */
export const workloads: Readonly<Record<string, Workload>> = {
  hello: { cell: 'rnn', layers: 1, batch: 1, steps: 4, vocabularySize: 4, hiddenSize: 8 },
  'char-s': { cell: 'lstm', layers: 1, batch: 32, steps: 64, vocabularySize: 64, hiddenSize: 128 },
  'gru-s': { cell: 'gru', layers: 1, batch: 32, steps: 64, vocabularySize: 64, hiddenSize: 128 },
  'char-m': { cell: 'lstm', layers: 2, batch: 32, steps: 64, vocabularySize: 96, hiddenSize: 256 },
  long: { cell: 'lstm', layers: 1, batch: 16, steps: 256, vocabularySize: 64, hiddenSize: 64 },
};

/** Batches that the data holds before it starts over. */
const batchCount = 4;

/** The network of a workload: one-hot tokens, recurrent layers, logits. */
export function makeModel({ cell, layers, vocabularySize, hiddenSize }: Workload): Model {
  return sequential([
    oneHot(vocabularySize),
    recurrent(cell, hiddenSize, { layers }),
    linear(vocabularySize),
  ]);
}

/**
 * Made-up tokens that can be learned: three times in four the next token is a function of the last, else
 * it is any.
 */
export function makeData({ batch, steps, vocabularySize }: Workload): DataSource {
  const random = new Random(1, streamOf('bench'));
  const tokens = new Int32Array(batch * steps * batchCount + 1);
  for (let index = 1; index < tokens.length; index++) {
    const follows = random.uniform() < 0.75;
    const last = tokens[index - 1] as number;
    tokens[index] = follows
      ? (5 * last + 3) % vocabularySize
      : Math.floor(random.uniform() * vocabularySize);
  }
  return tokenStream(tokens, vocabularySize, { batch, steps });
}

/** A workload in words, e.g. `lstm, 1 layer, batch 32, 64 time steps, vocabulary 64, hidden 128`. */
export function describeWorkload(workload: Workload): string {
  const { cell, layers, batch, steps, vocabularySize, hiddenSize } = workload;
  return (
    `${cell}, ${layers} layer${layers === 1 ? '' : 's'}, batch ${batch}, ${steps} time steps, ` +
    `vocabulary ${vocabularySize}, hidden ${hiddenSize}`
  );
}
