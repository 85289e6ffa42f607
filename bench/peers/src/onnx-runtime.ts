import type * as Ort from 'onnxruntime-web';
import { firstToken, makeInput, makeWeights } from '../../data.ts';
import type { Peer, Session } from '../../peer.ts';
import type { Workload } from '../../workloads.ts';
import manifest from '../package.json' with { type: 'json' };
import { encodeInference, encodeToken, names } from './onnx-model.ts';

type Provider = 'webgpu' | 'wasm';

/** onnxruntime-web: inference only, of a model that is written as an ONNX file here. */
export function makeOnnxRuntime(provider: Provider): Peer {
  return {
    differences: [],
    lacks: ({ kind }) => (kind === 'training' ? 'onnxruntime-web does not train' : undefined),
    open: async (workload) => {
      const ort: typeof Ort =
        provider === 'webgpu'
          ? await import('onnxruntime-web/webgpu')
          : await import('onnxruntime-web/wasm');
      const weights = makeWeights(workload);
      const isSampling = workload.kind === 'sampling';
      const file = isSampling ? encodeToken(workload, weights) : encodeInference(workload, weights);
      const input = isSampling ? undefined : makeInput(workload);
      if (provider === 'webgpu') {
        ort.env.webgpu.powerPreference = 'high-performance';
        // The device opens with the first session, which is to be there before anything is timed.
        await (await createSession(ort, provider, file)).release();
      } else {
        ort.env.wasm.numThreads = navigator.hardwareConcurrency;
      }
      return {
        version: manifest.dependencies['onnxruntime-web'],
        device: provider,
        start: () => start(ort, provider, workload, file, input),
      };
    },
  };
}

function createSession(ort: typeof Ort, provider: Provider, file: Uint8Array) {
  return ort.InferenceSession.create(file, {
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
  });
}

async function start(
  ort: typeof Ort,
  provider: Provider,
  workload: Workload,
  file: Uint8Array,
  input: Float32Array<ArrayBuffer> | undefined,
): Promise<Session> {
  const session = await createSession(ort, provider, file);
  const run = input
    ? makeInference(ort, session, workload, input)
    : makeSampling(ort, session, workload);
  return { run, dispose: () => session.release() };
}

function makeInference(
  ort: typeof Ort,
  session: Ort.InferenceSession,
  { steps, batch, inputSize }: Workload,
  input: Float32Array<ArrayBuffer>,
): Session['run'] {
  return async () => {
    const x = new ort.Tensor('float32', input, [steps, batch, inputSize]);
    const { [names.y]: y } = await session.run({ [names.x]: x });
    return { kind: 'inference', output: (await y?.getData()) as Float32Array };
  };
}

/** Token by token: logits come back, the likeliest token and the states go in again. */
function makeSampling(
  ort: typeof Ort,
  session: Ort.InferenceSession,
  { steps, hiddenSize }: Workload,
): Session['run'] {
  return async () => {
    const zero = (): Ort.Tensor =>
      new ort.Tensor('float32', new Float32Array(hiddenSize), [1, 1, hiddenSize]);
    let [h, c]: [Ort.Tensor, Ort.Tensor] = [zero(), zero()];
    let token = firstToken;
    const tokens: number[] = [];
    for (let position = 0; position < steps; position++) {
      const given = new ort.Tensor('int64', BigInt64Array.of(BigInt(token)), [1, 1]);
      const results = await session.run({ [names.token]: given, [names.h]: h, [names.c]: c });
      h.dispose();
      c.dispose();
      [h, c] = [results[names.nextH] as Ort.Tensor, results[names.nextC] as Ort.Tensor];
      token = indexOfLargest((await results[names.logits]?.getData()) as Float32Array);
      tokens.push(token);
    }
    return { kind: 'sampling', tokens };
  };
}

function indexOfLargest(values: Float32Array): number {
  let best = 0;
  for (const [index, value] of values.entries()) {
    if (value > (values[best] as number)) best = index;
  }
  return best;
}
