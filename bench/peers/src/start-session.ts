import { type Batch, makeBatches, makeInput, type Weights } from '../../data.ts';
import type { Session } from '../../peer.ts';
import type { Workload } from '../../workloads.ts';

/** How a peer that takes weights as they are begins each kind of workload. */
export interface SessionKinds {
  readonly training: (workload: Workload, weights: Weights, batches: Batch[]) => Session;
  readonly sampling: (workload: Workload, weights: Weights) => Session;
  readonly inference: (
    workload: Workload,
    weights: Weights,
    input: Float32Array<ArrayBuffer>,
  ) => Session;
}

/** Makes a workload's data. Returns what begins a session with it. */
export function startWith(
  { training, sampling, inference }: SessionKinds,
  workload: Workload,
  weights: Weights,
): () => Promise<Session> {
  if (workload.kind === 'training') {
    const batches = makeBatches(workload);
    return () => Promise.resolve(training(workload, weights, batches));
  }
  if (workload.kind === 'sampling') return () => Promise.resolve(sampling(workload, weights));
  const input = makeInput(workload);
  return () => Promise.resolve(inference(workload, weights, input));
}
