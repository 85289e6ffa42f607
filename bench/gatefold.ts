import packageJson from '../package.json' with { type: 'json' };
import {
  adam,
  type Device,
  Network,
  requestDevice,
  Trainer,
  type Tuning,
  tune,
} from '../src/index.ts';
import { makeMatmulGauge } from './best-matmul.ts';
import { firstToken, learningRate, makeData, makeInput, makeModel, seed } from './data.ts';
import type { Peer, Session } from './peer.ts';
import { makeCheckpoint } from './reference.ts';
import type { Workload } from './workloads.ts';

/** How long `tune()` measures for one workload. */
const tuningMs = 30_000;

/** Gatefold itself, through its public interface. */
export const gatefold: Peer = {
  differences: [],
  lacks: () => undefined,
  open: async (workload) => {
    const device = await requestDevice({ powerPreference: 'high-performance' });
    const start = await prepare(device, workload, undefined);
    return { version: packageJson.version, device: device.describe(), start };
  },
};

/** The same with kernel shapes that `tune()` has measured in place of the built-in ones. */
export const gatefoldTuned: Peer = {
  differences: [
    `Gatefold tuned: with kernel shapes from tune(), which measures for ${tuningMs / 1000} s before anything ` +
      'is timed. Its first step finds pipelines that were compiled for that, and is not comparable.',
  ],
  lacks: ({ kind }) =>
    kind === 'sampling' ? 'tune() measures sampling for models of text only' : undefined,
  open: async (workload) => {
    const device = await requestDevice({ powerPreference: 'high-performance' });
    const tuning = await measureShapes(device, workload);
    const shapes = Object.values(tuning.shapes);
    const faster = shapes.filter(({ ms, ruleMs }) => ms < ruleMs).length;
    const start = await prepare(device, workload, tuning);
    return {
      version: packageJson.version,
      device: `${device.describe()}; ${faster} of ${shapes.length} kernels take other shapes`,
      start,
    };
  },
};

/** Nothing of earlier runs is taken, and nothing is kept. */
function measureShapes(device: Device, workload: Workload): Promise<Tuning> {
  const model = makeModel(workload);
  const common = { device, model, budgetMs: tuningMs, cache: false };
  if (workload.kind === 'training') {
    const data = makeData(workload);
    return tune({ ...common, data, optimizer: adam({ learningRate }), seed });
  }
  const { steps, batch, inputSize } = workload;
  const shape = [steps, batch, inputSize];
  return tune({ ...common, inputs: { input: { shape, dtype: 'f32' } } });
}

/** Makes data and weights. Returns what makes a session of them. */
async function prepare(
  device: Device,
  workload: Workload,
  tuning: Tuning | undefined,
): Promise<() => Promise<Session>> {
  const shapes = tuning ? { tuning } : {};
  if (workload.kind === 'training') {
    const data = makeData(workload);
    return () => startTraining(device, workload, data, shapes);
  }
  const checkpoint = await makeCheckpoint(workload);
  const input = workload.kind === 'inference' ? makeInput(workload) : undefined;
  return async () => {
    const network = await Network.load({ device, checkpoint, ...shapes });
    return input
      ? startInference(device, network, workload, input)
      : startSampling(device, network, workload);
  };
}

async function startTraining(
  device: Device,
  workload: Workload,
  data: ReturnType<typeof makeData>,
  shapes: { readonly tuning?: Tuning },
): Promise<Session> {
  const trainer = await Trainer.create({
    device,
    model: makeModel(workload),
    data,
    optimizer: adam({ learningRate }),
    seed,
    ...shapes,
  });
  return {
    run: async (steps) => {
      let last = Number.NaN;
      for await (const { loss } of trainer.fit({ steps })) last = loss;
      return { kind: 'training', loss: last };
    },
    rateMatmul: makeMatmulGauge(device),
    dispose: async () => {
      await trainer.dispose();
      device.dispose();
    },
  };
}

function startInference(
  device: Device,
  network: Network,
  { steps, batch, inputSize }: Workload,
  data: Float32Array<ArrayBuffer>,
): Session {
  const shape = [steps, batch, inputSize];
  return {
    run: async () => {
      const { output } = await network.forward({ input: { data, shape } });
      return { kind: 'inference', output: output?.data as Float32Array };
    },
    dispose: () => disposeBoth(device, network),
  };
}

function startSampling(device: Device, network: Network, { steps: length }: Workload): Session {
  return {
    run: async () => {
      const tokens = await network.sampleTokens([firstToken], { length, temperature: 0 });
      return { kind: 'sampling', tokens: [...tokens] };
    },
    dispose: () => disposeBoth(device, network),
  };
}

async function disposeBoth(device: Device, network: Network): Promise<void> {
  await network.dispose();
  device.dispose();
}
