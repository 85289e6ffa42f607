import type { GpuCounts, GpuWatch } from '../../../bench/counters.ts';
import type { Contender } from '../../../bench/interleave.ts';
import type { PeerName, Session } from '../../../bench/peer.ts';
import type { Reference } from '../../../bench/reference.ts';
import { findWorkload } from '../../../bench/workloads.ts';

export const workload = findWorkload('char-s');

/** Losses fall by a tenth at each step; a thousandth is allowed. */
export const reference: Reference = {
  compare: ({ kind, ...outcome }, step) => {
    if (kind !== 'training' || step > 16) return Promise.resolve(undefined);
    const { loss } = outcome as { loss: number };
    const error = Math.abs(loss - lossOf(step));
    return Promise.resolve({ ratio: error / 1e-3, text: `loss of step ${step} is ${loss}` });
  },
};

export const lossOf = (step: number): number => 4 - step / 10;

/** A peer that makes 5 dispatches, a submit and a buffer a step, and what it does notes in `log`. */
export function makeContender(
  name: PeerName,
  log: string[],
  run: (step: number) => number | Promise<number> = lossOf,
  rateMatmul?: () => Promise<number>,
): Contender {
  let step = 0;
  const watch: GpuWatch = {
    counts: () =>
      ({
        dispatches: 5 * step,
        submits: step,
        buffersCreated: step,
        bindGroupsCreated: 0,
        pipelinesCreated: 3,
        bytesUploaded: 64 * step,
        bytesAllocated: 256 * step,
        apiMs: 0.25 * step,
      }) satisfies GpuCounts,
    peakBytes: () => 1000,
    takeErrors: () => [],
    sawDevice: () => true,
  };
  const session: Session = {
    run: async (steps) => {
      let loss = Number.NaN;
      for (let index = 0; index < steps; index++) {
        step += 1;
        log.push(`${name} ${step}`);
        loss = await run(step);
      }
      return { kind: 'training', loss };
    },
    ...(rateMatmul && { rateMatmul }),
    dispose: () => void log.push(`${name} disposed`),
  };
  return {
    name,
    watch,
    ownsRealm: true,
    close: () => void log.push(`${name} closed`),
    peer: {
      differences: [],
      lacks: () => undefined,
      open: () => {
        const start = () => Promise.resolve(session);
        return Promise.resolve({ version: '1.2.3', device: 'fake', start });
      },
    },
  };
}
