import packageJson from '../package.json' with { type: 'json' };
import { adam, type Device, Network, requestDevice, Trainer } from '../src/index.ts';
import { firstToken, learningRate, makeData, makeInput, makeModel, seed } from './data.ts';
import type { Peer, Session } from './peer.ts';
import { makeCheckpoint } from './reference.ts';
import type { Workload } from './workloads.ts';

/** Gatefold itself, through its public interface. */
export const gatefold: Peer = {
  differences: [],
  lacks: () => undefined,
  open: async (workload) => {
    const device = await requestDevice({ powerPreference: 'high-performance' });
    const start = await prepare(device, workload);
    return { version: packageJson.version, device: device.describe(), start };
  },
};

/** Makes data and weights. Returns what makes a session of them. */
async function prepare(device: Device, workload: Workload): Promise<() => Promise<Session>> {
  if (workload.kind === 'training') {
    const data = makeData(workload);
    return () => startTraining(device, workload, data);
  }
  const checkpoint = await makeCheckpoint(workload);
  const input = workload.kind === 'inference' ? makeInput(workload) : undefined;
  return async () => {
    const network = await Network.load({ device, checkpoint });
    return input
      ? startInference(device, network, workload, input)
      : startSampling(device, network, workload);
  };
}

async function startTraining(
  device: Device,
  workload: Workload,
  data: ReturnType<typeof makeData>,
): Promise<Session> {
  const trainer = await Trainer.create({
    device,
    model: makeModel(workload),
    data,
    optimizer: adam({ learningRate }),
    seed,
    selfTest: false,
  });
  return {
    run: async (steps) => {
      let last = Number.NaN;
      for await (const { loss } of trainer.fit({ steps })) last = loss;
      return { kind: 'training', loss: last };
    },
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
