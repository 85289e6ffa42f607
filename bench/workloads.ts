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

/** A training step on one-hot tokens with a cross-entropy at every time step and Adam, float32. */
export interface Workload {
  readonly cell: CellName;
  readonly layers: number;
  readonly batch: number;
  /** Time steps. */
  readonly steps: number;
  readonly vocabulary: number;
  readonly hidden: number;
}

/** The workloads by name. */
export const workloads: Readonly<Record<string, Workload>> = {
  hello: { cell: 'rnn', layers: 1, batch: 1, steps: 4, vocabulary: 4, hidden: 8 },
  'char-s': { cell: 'lstm', layers: 1, batch: 32, steps: 64, vocabulary: 64, hidden: 128 },
  'gru-s': { cell: 'gru', layers: 1, batch: 32, steps: 64, vocabulary: 64, hidden: 128 },
  'char-m': { cell: 'lstm', layers: 2, batch: 32, steps: 64, vocabulary: 96, hidden: 256 },
  long: { cell: 'lstm', layers: 1, batch: 16, steps: 256, vocabulary: 64, hidden: 64 },
};

/** The network of a workload: one-hot tokens, recurrent layers, logits. */
export function makeModel({ cell, layers, vocabulary, hidden }: Workload): Model {
  return sequential([oneHot(vocabulary), recurrent(cell, hidden, { layers }), linear(vocabulary)]);
}

/** Four batches of made-up tokens; three times in four a token follows from the one before. */
export function makeData({ batch, steps, vocabulary }: Workload): DataSource {
  const random = new Random(1, streamOf('bench'));
  const tokens = new Int32Array(4 * batch * steps + 1);
  for (let index = 1; index < tokens.length; index++) {
    const successor = (5 * (tokens[index - 1] as number) + 3) % vocabulary;
    const any = Math.floor(random.uniform() * vocabulary);
    tokens[index] = random.uniform() < 0.75 ? successor : any;
  }
  return tokenStream(tokens, vocabulary, { batch, steps });
}
