import * as tf from '@tensorflow/tfjs';
import {
  type Batch,
  firstToken,
  learningRate,
  makeWeights,
  type Weight,
  type Weights,
} from '../../data.ts';
import type { Peer, Session } from '../../peer.ts';
import type { Workload } from '../../workloads.ts';
import manifest from '../package.json' with { type: 'json' };
import { type SessionKinds, startWith } from './start-session.ts';

/** How TensorFlow.js's backends are called. */
export type Backend = 'webgpu' | 'webgl' | 'wasm';

type Layer = { ih: tf.Variable; hh: tf.Variable; biasIh: tf.Variable; biasHh: tf.Variable };
type Network = { layers: Layer[]; head: { weight: tf.Variable; bias: tf.Variable } | undefined };
/** h, and c of an LSTM; [B, H]. */
type State = tf.Tensor2D[];

const prepareBackend: Record<Backend, () => Promise<unknown>> = {
  webgl: () => {
    // Without it a software GPU is refused.
    tf.env().set('SOFTWARE_WEBGL_ENABLED', true);
    return Promise.resolve();
  },
  webgpu: () => import('@tensorflow/tfjs-backend-webgpu'),
  wasm: async () => {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const { wasmPaths } = await import('./tfjs-wasm-paths.ts');
    setWasmPaths(wasmPaths);
  },
};

/**
 * TensorFlow.js, written with its operators: its layers know neither the GRU that resets after the matmul nor
 * two biases.
 */
export function makeTfjs(backend: Backend): Peer {
  return {
    differences: [],
    lacks: () => undefined,
    open: async (workload) => {
      await prepareBackend[backend]();
      if (!(await tf.setBackend(backend)))
        throw new Error(`tfjs has no backend '${backend}' here.`);
      await tf.ready();
      return {
        version: manifest.dependencies['@tensorflow/tfjs'],
        device: backend,
        start: startWith(kinds, workload, makeWeights(workload)),
      };
    },
  };
}

const kinds: SessionKinds = {
  training: startTraining,
  sampling: startSampling,
  inference: startInference,
};

function upload({ layers, head }: Weights): Network {
  const put = ({ values, shape }: Weight): tf.Variable =>
    tf.variable(tf.tensor(values, [...shape]));
  return {
    layers: layers.map(({ ih, hh, biasIh, biasHh }) => ({
      ih: put(ih),
      hh: put(hh),
      biasIh: put(biasIh),
      biasHh: put(biasHh),
    })),
    head: head && { weight: put(head.weight), bias: put(head.bias) },
  };
}

function variablesOf({ layers, head }: Network): tf.Variable[] {
  return [...layers.flatMap((layer) => Object.values(layer)), ...(head ? Object.values(head) : [])];
}

/** One time step of a cell; `x` is W_ih·x + b_ih. */
function advance(cell: Workload['cell'], x: tf.Tensor, state: State, { hh, biasHh }: Layer): State {
  const [h, c] = state as [tf.Tensor2D, tf.Tensor2D];
  const recurrent = tf.add(tf.matMul(h, hh as tf.Tensor2D, false, true), biasHh);
  if (cell === 'rnn') return [tf.tanh(tf.add(x, recurrent))];
  if (cell === 'lstm') {
    const gates = tf.split(tf.add(x, recurrent), 4, 1);
    const [i, f, g, o] = gates as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const kept = tf.mul(tf.sigmoid(f), c);
    const next = tf.add(kept, tf.mul(tf.sigmoid(i), tf.tanh(g))) as tf.Tensor2D;
    return [tf.mul(tf.sigmoid(o), tf.tanh(next)), next];
  }
  const [xr, xz, xn] = tf.split(x, 3, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const [ur, uz, un] = tf.split(recurrent, 3, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const r = tf.sigmoid(tf.add(xr, ur));
  const z = tf.sigmoid(tf.add(xz, uz));
  const n = tf.tanh(tf.add(xn, tf.mul(r, un)));
  return [tf.add(n, tf.mul(z, tf.sub(h, n)))];
}

function zeroState(cell: Workload['cell'], batch: number, hiddenSize: number): State {
  const zero = (): tf.Tensor2D => tf.zeros([batch, hiddenSize]);
  return cell === 'lstm' ? [zero(), zero()] : [zero()];
}

/** All time steps of all layers. @param x - [T·B, I]. Returns h of the last layer, [T·B, H]. */
function runLayers(
  { cell, batch, steps, hiddenSize }: Workload,
  layers: readonly Layer[],
  x: tf.Tensor2D,
): tf.Tensor2D {
  let input = x;
  for (const layer of layers) {
    const projected = tf.add(tf.matMul(input, layer.ih as tf.Tensor2D, false, true), layer.biasIh);
    let state = zeroState(cell, batch, hiddenSize);
    const outputs = tf.split(projected, steps, 0).map((one) => {
      state = advance(cell, one, state, layer);
      return state[0] as tf.Tensor2D;
    });
    input = tf.concat(outputs, 0);
  }
  return input;
}

function startTraining(workload: Workload, weights: Weights, batches: readonly Batch[]): Session {
  const { steps, batch, inputSize } = workload;
  // Made on the host: on the webgpu backend, what oneHot() gives is wrong once it is made float.
  const oneHot = (tokens: Int32Array): tf.Tensor2D => {
    const values = new Float32Array(tokens.length * inputSize);
    for (const [row, token] of tokens.entries()) values[row * inputSize + token] = 1;
    return tf.tensor2d(values, [steps * batch, inputSize]);
  };
  const data = batches.map(({ input, target }) => ({ x: oneHot(input), y: oneHot(target) }));
  const network = upload(weights);
  const variables = variablesOf(network);
  const optimizer = tf.train.adam(learningRate, 0.9, 0.999, 1e-8);
  let position = 0;
  const lossOf = (): tf.Scalar => {
    const { x, y } = data[position % data.length] as (typeof data)[number];
    const h = runLayers(workload, network.layers, x);
    const { weight, bias } = network.head as { weight: tf.Variable; bias: tf.Variable };
    const logits = tf.add(tf.matMul(h, weight as tf.Tensor2D, false, true), bias);
    return tf.losses.softmaxCrossEntropy(y, logits) as tf.Scalar;
  };
  return {
    run: async (count) => {
      let loss: tf.Scalar | undefined | null;
      for (let index = 0; index < count; index++) {
        loss?.dispose();
        loss = optimizer.minimize(lossOf, true, variables);
        position += 1;
      }
      const [value] = await (loss as tf.Scalar).data();
      loss?.dispose();
      return { kind: 'training', loss: value as number };
    },
    dispose: () => {
      optimizer.dispose();
      tf.dispose([...variables, ...data.flatMap(({ x, y }) => [x, y])]);
    },
  };
}

function startInference(
  workload: Workload,
  weights: Weights,
  input: Float32Array<ArrayBuffer>,
): Session {
  const { steps, batch, inputSize } = workload;
  const network = upload(weights);
  return {
    run: async () => {
      const y = tf.tidy(() => {
        const x = tf.tensor2d(input, [steps * batch, inputSize]);
        return runLayers(workload, network.layers, x);
      });
      const output = (await y.data()) as Float32Array;
      y.dispose();
      return { kind: 'inference', output };
    },
    dispose: () => tf.dispose(variablesOf(network)),
  };
}

function startSampling({ cell, steps, hiddenSize }: Workload, weights: Weights): Session {
  const network = upload(weights);
  const [layer] = network.layers as [Layer];
  const { weight, bias } = network.head as { weight: tf.Variable; bias: tf.Variable };
  const columns = tf.transpose(layer.ih);
  const next = (token: tf.Tensor1D, state: State): [tf.Tensor1D, State] => {
    const x = tf.add(tf.gather(columns, token), layer.biasIh);
    const newState = advance(cell, x, state, layer);
    const [h] = newState as [tf.Tensor2D];
    const logits = tf.add(tf.matMul(h, weight as tf.Tensor2D, false, true), bias);
    return [tf.argMax(logits, 1), newState];
  };
  return {
    run: async () => {
      const chosen = tf.tidy(() => {
        let token = tf.tensor1d([firstToken], 'int32');
        let state = zeroState(cell, 1, hiddenSize);
        const tokens: tf.Tensor1D[] = [];
        for (let position = 0; position < steps; position++) {
          [token, state] = next(token, state);
          tokens.push(token);
        }
        return tf.concat(tokens);
      });
      const tokens = [...(await chosen.data())];
      chosen.dispose();
      return { kind: 'sampling', tokens };
    },
    dispose: () => tf.dispose([columns, ...variablesOf(network)]),
  };
}
