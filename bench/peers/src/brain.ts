import Gru from 'brain.js/dist/recurrent/gru.js';
import Lstm from 'brain.js/dist/recurrent/lstm.js';
import Rnn from 'brain.js/dist/recurrent/rnn.js';
import { learningRate, makeBatches } from '../../data.ts';
import type { Peer, Session } from '../../peer.ts';
import type { Workload } from '../../workloads.ts';
import manifest from '../package.json' with { type: 'json' };

/** The package's own entry pulls in what browsers do not have. */
const classes: Readonly<Record<string, BrainModule>> = { rnn: Rnn, lstm: Lstm, gru: Gru };

/** brain.js: on the CPU in plain JavaScript, and by an algorithm of its own. */
export const brainPeer: Peer = {
  hasOwnAlgorithm: true,
  differences: [
    'brain.js trains on one sequence after another (no minibatch: a step here is as many updates as the ' +
      'batch has sequences), by RMSprop, in float64 on the CPU, from first weights of its own.',
  ],
  lacks: ({ kind, cell }) => {
    if (kind !== 'training') return 'brain.js 1 neither hands out states nor takes dense sequences';
    return classes[cell] ? undefined : `brain.js has no cell '${cell}'`;
  },
  open: (workload) => {
    const batches = makeBatches(workload);
    return Promise.resolve({
      version: manifest.dependencies['brain.js'],
      device: 'JavaScript',
      start: () => Promise.resolve(startTraining(workload, batches)),
    });
  },
};

function startTraining(workload: Workload, batches: ReturnType<typeof makeBatches>): Session {
  const { cell, layers, batch, steps, inputSize, hiddenSize } = workload;
  const { default: Network } = classes[cell] as BrainModule;
  const network = new Network({
    inputSize,
    inputRange: inputSize,
    outputSize: inputSize,
    hiddenLayers: Array.from({ length: layers }, () => hiddenSize),
    learningRate,
  });
  network.trainOpts = { learningRate };
  network.initialize();
  const sequences = batches.map(({ input }) =>
    Array.from({ length: batch }, (_, row) =>
      Array.from({ length: steps }, (_, step) => input[step * batch + row] as number),
    ),
  );
  let position = 0;
  const trainBatch = (): number => {
    const rows = sequences[position++ % sequences.length] as number[][];
    const errors = rows.map((row) => network.trainPattern(row, true));
    // The error is a hundredth of the perplexity, of T + 1 predictions divided by T - 1.
    const nats = errors.map((error) => (Math.log(100 * error) * (steps - 1)) / (steps + 1));
    return nats.reduce((sum, value) => sum + value, 0) / batch;
  };
  return {
    run: (count) => {
      let loss = Number.NaN;
      for (let index = 0; index < count; index++) loss = trainBatch();
      return Promise.resolve({ kind: 'training', loss });
    },
    dispose: () => undefined,
  };
}
