import {
  type Device,
  defaultDevice,
  init,
  jit,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from '@jax-js/jax';
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

type Layer = { ih: np.Array; hh: np.Array; biasIh: np.Array; biasHh: np.Array };
type Parameters = { layers: Layer[]; head: { weight: np.Array; bias: np.Array }[] };
/** States of one layer: h, and c of an LSTM; [B, H]. */
type State = np.Array[];
type Optimizer = { mean: Parameters; square: Parameters; step: np.Array };

/**
 * jax-js: the network is written with its numpy, a whole training step (forward, gradient, Adam) is one
 * jitted function, unrolled over time since there is no scan. Every function consumes its arguments; `.ref`
 * keeps one for later.
 */
export function makeJax(device: Device): Peer {
  return {
    differences: [],
    lacks: () => undefined,
    open: async (workload) => {
      const devices = await init(device);
      if (!devices.includes(device)) throw new Error(`jax-js has no device '${device}' here.`);
      defaultDevice(device);
      const weights = makeWeights(workload);
      return {
        version: manifest.dependencies['@jax-js/jax'],
        device,
        start: startWith(kinds, workload, weights),
      };
    },
  };
}

const kinds: SessionKinds = {
  training: startTraining,
  sampling: startSampling,
  inference: startInference,
};

function upload({ layers, head }: Weights): Parameters {
  const put = ({ values, shape }: Weight): np.Array => np.array(values, { shape: [...shape] });
  return {
    layers: layers.map(({ ih, hh, biasIh, biasHh }) => ({
      ih: put(ih),
      hh: put(hh),
      biasIh: put(biasIh),
      biasHh: put(biasHh),
    })),
    head: head ? [{ weight: put(head.weight), bias: put(head.bias) }] : [],
  };
}

/** One time step of a cell; `x` is W_ih·x + b_ih. Returns the new state. */
function advance(cell: Workload['cell'], x: np.Array, state: State, { hh, biasHh }: Layer): State {
  const [h, c] = state as [np.Array, np.Array];
  const recurrent = np.matmul(h.ref, hh.transpose()).add(biasHh);
  if (cell === 'rnn') {
    h.dispose();
    return [np.tanh(x.add(recurrent))];
  }
  if (cell === 'lstm') {
    const gates = np.split(x.add(recurrent), 4, 1) as [np.Array, np.Array, np.Array, np.Array];
    h.dispose();
    const [i, f, g, o] = gates;
    const next = nn
      .sigmoid(f)
      .mul(c)
      .add(nn.sigmoid(i).mul(np.tanh(g)));
    return [nn.sigmoid(o).mul(np.tanh(next.ref)), next];
  }
  const [xr, xz, xn] = np.split(x, 3, 1) as [np.Array, np.Array, np.Array];
  const [ur, uz, un] = np.split(recurrent, 3, 1) as [np.Array, np.Array, np.Array];
  const r = nn.sigmoid(xr.add(ur));
  const z = nn.sigmoid(xz.add(uz));
  const n = np.tanh(xn.add(r.mul(un)));
  return [n.ref.add(z.mul(h.sub(n)))];
}

/** All time steps of all layers. @param x - [T, B, I]. Returns h of the last layer, one [B, H] per step. */
function runLayers(
  { cell, batch, steps, hiddenSize }: Workload,
  layers: Layer[],
  x: np.Array,
): np.Array[] {
  let outputs: np.Array[] = [];
  for (const [index, { ih, biasIh, ...recurrent }] of layers.entries()) {
    const input = (index === 0 ? x : np.stack(outputs)).reshape([steps * batch, -1]);
    const projected = np.matmul(input, ih.transpose()).add(biasIh);
    let state: State = [np.zeros([batch, hiddenSize])];
    if (cell === 'lstm') state.push(np.zeros([batch, hiddenSize]));
    outputs = np.split(projected, steps, 0).map((one) => {
      state = advance(cell, one, state, tree.ref(recurrent) as Layer);
      return (state[0] as np.Array).ref;
    });
    tree.dispose(state);
    tree.dispose(recurrent);
  }
  return outputs;
}

function lossOf(workload: Workload, { layers, head }: Parameters, x: np.Array, y: np.Array) {
  const rows = workload.steps * workload.batch;
  const h = np.concatenate(runLayers(workload, layers, x), 0);
  const [{ weight, bias }] = head as [Parameters['head'][number]];
  const logits = np.matmul(h, weight.transpose()).add(bias);
  return nn
    .logSoftmax(logits)
    .mul(y.reshape([rows, -1]))
    .sum()
    .mul(-1 / rows);
}

function startTraining(workload: Workload, weights: Weights, batches: readonly Batch[]): Session {
  const { steps, batch, inputSize } = workload;
  const oneHot = (tokens: Int32Array<ArrayBuffer>): np.Array =>
    nn.oneHot(np.array(tokens, { shape: [steps, batch], dtype: np.int32 }), inputSize);
  const data = batches.map(({ input, target }) => ({ x: oneHot(input), y: oneHot(target) }));
  const gradient = valueAndGrad((parameters: Parameters, x: np.Array, y: np.Array) =>
    lossOf(workload, parameters, x, y),
  );
  const train = jit((parameters: Parameters, optimizer: Optimizer, x: np.Array, y: np.Array) => {
    const [loss, gradients] = gradient(tree.ref(parameters), x, y);
    return [...updateByAdam(parameters, gradients as Parameters, optimizer), loss];
  });
  let parameters = upload(weights);
  const zeros = (): Parameters =>
    tree.map((array: np.Array) => np.zerosLike(array), tree.ref(parameters)) as Parameters;
  let optimizer: Optimizer = { mean: zeros(), square: zeros(), step: np.array(0) };
  let position = 0;
  return {
    run: async (count) => {
      let loss: np.Array | undefined;
      for (let index = 0; index < count; index++) {
        const { x, y } = data[position++ % data.length] as { x: np.Array; y: np.Array };
        loss?.dispose();
        [parameters, optimizer, loss] = train(parameters, optimizer, x.ref, y.ref) as unknown as [
          Parameters,
          Optimizer,
          np.Array,
        ];
      }
      const [value] = await (loss as np.Array).data();
      return { kind: 'training', loss: value as number };
    },
    dispose: () => train.dispose(),
  };
}

/** PyTorch's Adam. */
function updateByAdam(
  parameters: Parameters,
  gradients: Parameters,
  { mean, square, step }: Optimizer,
): [Parameters, Optimizer] {
  const count = step.add(1);
  const correct1 = np.subtract(1, np.power(0.9, count.ref));
  const correct2 = np.subtract(1, np.power(0.999, count.ref));
  const newMean = tree.map(
    (m: np.Array, g: np.Array) => m.mul(0.9).add(g.mul(0.1)),
    mean,
    tree.ref(gradients),
  ) as Parameters;
  const newSquare = tree.map(
    (v: np.Array, g: np.Array) => v.mul(0.999).add(np.square(g).mul(0.001)),
    square,
    gradients,
  ) as Parameters;
  const updated = tree.map(
    (p: np.Array, m: np.Array, v: np.Array) => {
      const root = np.sqrt(v.div(correct2.ref)).add(1e-8);
      return p.sub(m.div(correct1.ref).div(root).mul(learningRate));
    },
    parameters,
    tree.ref(newMean),
    tree.ref(newSquare),
  ) as Parameters;
  correct1.dispose();
  correct2.dispose();
  return [updated, { mean: newMean, square: newSquare, step: count }];
}

function startInference(
  workload: Workload,
  weights: Weights,
  input: Float32Array<ArrayBuffer>,
): Session {
  const { steps, batch, inputSize } = workload;
  const forward = jit((parameters: Parameters, x: np.Array) => {
    tree.dispose(parameters.head);
    return np.concatenate(runLayers(workload, parameters.layers, x), 0);
  });
  const parameters = upload(weights);
  return {
    run: async () => {
      const x = np.array(input, { shape: [steps, batch, inputSize] });
      const y = forward(tree.ref(parameters), x);
      return { kind: 'inference', output: (await y.data()) as Float32Array };
    },
    dispose: () => forward.dispose(),
  };
}

function startSampling(
  { cell, steps, inputSize, hiddenSize }: Workload,
  weights: Weights,
): Session {
  const next = jit((parameters: Parameters, token: np.Array, state: State) => {
    const [{ ih, biasIh, ...recurrent }] = parameters.layers as [Layer];
    const [{ weight, bias }] = parameters.head as [Parameters['head'][number]];
    const x = np.matmul(nn.oneHot(token, inputSize), ih.transpose()).add(biasIh);
    const [h, c] = advance(cell, x, state, recurrent as Layer) as [np.Array, np.Array];
    const logits = np.matmul(h.ref, weight.transpose()).add(bias);
    return [np.argmax(logits, 1), h, c];
  });
  const parameters = upload(weights);
  return {
    run: async () => {
      let token = np.array(new Int32Array([firstToken]), { dtype: np.int32 });
      let state: State = [np.zeros([1, hiddenSize]), np.zeros([1, hiddenSize])];
      const tokens: np.Array[] = [];
      for (let position = 0; position < steps; position++) {
        const [chosen, ...newState] = next(tree.ref(parameters), token, state) as [
          np.Array,
          ...State,
        ];
        tokens.push(chosen.ref);
        token = chosen;
        state = newState;
      }
      token.dispose();
      tree.dispose(state);
      const all = await np.concatenate(tokens, 0).data();
      return { kind: 'sampling', tokens: [...all] };
    },
    dispose: () => next.dispose(),
  };
}
