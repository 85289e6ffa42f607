import { type CellName, cells } from '../src/index.ts';

/**
 * What is measured:
 * - `training`: forward, softmax cross-entropy at every time step, backward through all of them and Adam, on
 *   one-hot tokens. A repetition is `stepsPerRepetition` steps and ends with the loss of the last.
 * - `inference`: a repetition uploads x [T, B, I] and reads back y [T, B, H].
 * - `sampling`: a repetition continues one token by T tokens, one after another, each the likeliest.
 */
export interface Workload {
  readonly name: string;
  readonly kind: 'training' | 'inference' | 'sampling';
  readonly cell: CellName;
  readonly layers: number;
  readonly batch: number;
  /** Time steps T. */
  readonly steps: number;
  /** Size of the vocabulary, or of the dense input of `inference`. */
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** Steps of one repetition; times are per step. */
  readonly stepsPerRepetition: number;
}

type Row = [string, Workload['kind'], CellName, ...sizes: number[]];

/** layers, batch, time steps, vocabulary or input size, hidden size, steps per repetition */
const rows: readonly Row[] = [
  ['hello', 'training', 'rnn', 1, 1, 4, 4, 8, 300],
  ['char-s', 'training', 'lstm', 1, 32, 64, 64, 128, 1],
  ['gru-s', 'training', 'gru', 1, 32, 64, 64, 128, 1],
  ['long', 'training', 'lstm', 1, 16, 256, 64, 64, 1],
  ['char-m', 'training', 'lstm', 2, 32, 64, 96, 256, 1],
  ['big', 'training', 'lstm', 1, 32, 16, 128, 512, 1],
  ['infer-b1', 'inference', 'lstm', 1, 1, 64, 256, 256, 1],
  ['infer-b32', 'inference', 'lstm', 1, 32, 128, 256, 256, 1],
  ['sample', 'sampling', 'lstm', 1, 1, 64, 96, 256, 1],
];

/** All workloads, in the order in which they are run and shown. */
export const workloads: readonly Workload[] = rows.map(([name, kind, cell, ...sizes]) => {
  const [layers, batch, steps, inputSize, hiddenSize, stepsPerRepetition] = sizes as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { name, kind, cell, layers, batch, steps, inputSize, hiddenSize, stepsPerRepetition };
});

/** @throws {Error} if there is no such workload, naming those that there are. */
export function findWorkload(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (found) return found;
  const known = workloads.map((workload) => workload.name).join(', ');
  throw new Error(`workload '${name}' is unknown, expected some of ${known}.`);
}

/** A workload in a few words, e.g. `lstm 128, batch 32 × 64 steps, 64 tokens`. */
export function describeWorkload(workload: Workload): string {
  const { kind, cell, layers, batch, steps, inputSize, hiddenSize } = workload;
  const network = `${cell} ${hiddenSize}${layers > 1 ? ` × ${layers} layers` : ''}`;
  const input = `${inputSize} ${kind === 'inference' ? 'inputs' : 'tokens'}`;
  return `${network}, batch ${batch} × ${steps} steps, ${input}`;
}

/**
 * Multiplications and additions of one step's matmuls. A one-hot projection is a gather and its gradient a
 * sum of rows: they count none, and neither do activations and the optimizer.
 */
export function countFlops(workload: Workload): number {
  const { kind, layers, batch, steps, inputSize, hiddenSize } = workload;
  const rowsOfAll = batch * steps;
  const gateRows = countGateRows(workload);
  const recurrent = layers * gateRows * hiddenSize;
  const between = (layers - 1) * gateRows * hiddenSize;
  const dense = kind === 'inference' ? gateRows * inputSize : 0;
  const head = kind === 'inference' ? 0 : inputSize * hiddenSize;
  const forward = 2 * rowsOfAll * (recurrent + between + dense + head);
  return kind === 'training' ? 3 * forward : forward;
}

/**
 * Bytes that a step cannot do without: weights are read once (per token where sampling), input is read and
 * output written; training reads and writes weights and Adam's two moments. Activations count none.
 */
export function countLeastBytes(workload: Workload): { readBytes: number; writtenBytes: number } {
  const { kind, steps, batch, inputSize, hiddenSize } = workload;
  const weights = 4 * countParameters(workload);
  if (kind === 'training') return { readBytes: 3 * weights, writtenBytes: 3 * weights };
  // A token's projection reads one column of the input weights.
  if (kind === 'sampling') {
    const read = weights - 4 * (inputSize - 1) * countGateRows(workload);
    return { readBytes: steps * read, writtenBytes: 4 * steps };
  }
  const rowsOfAll = 4 * steps * batch;
  return { readBytes: weights + rowsOfAll * inputSize, writtenBytes: rowsOfAll * hiddenSize };
}

function countGateRows({ cell, hiddenSize }: Workload): number {
  return cells[cell].create({}).gates.length * hiddenSize;
}

function countParameters(workload: Workload): number {
  const { kind, layers, inputSize, hiddenSize } = workload;
  const rowsOfLayer = countGateRows(workload);
  const inputs = inputSize + (layers - 1) * hiddenSize;
  const recurrent = rowsOfLayer * (inputs + layers * (hiddenSize + 2));
  return recurrent + (kind === 'inference' ? 0 : inputSize * (hiddenSize + 1));
}
