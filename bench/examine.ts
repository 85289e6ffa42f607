import { restFor } from '../src/device/rest.ts';
import { requestDevice } from '../src/index.ts';
import { type ApiTime, measureApiTime } from './api-time.ts';
import { type MatmulRates, measureMatmul } from './best-matmul.ts';
import type { GpuRealm } from './counters.ts';
import { type Limits, measureLimits } from './limits.ts';
import { findWorkload } from './workloads.ts';

/** Where a run took place. */
export interface Machine {
  /** Browser or runtime with its version. */
  readonly runtime: string;
  readonly platform: string;
  /** Processor, where it is known. */
  readonly processor: string | null;
  readonly cores: number;
  readonly adapter: string;
  readonly isSoftware: boolean;
}

/** What results are held against, measured in the run that they are from. */
export interface Examination {
  readonly machine: Machine;
  /** What the adapter can do. */
  readonly limits: Limits;
  /** What the library's own matrix products reach. */
  readonly matmul: MatmulRates;
  /** What a training step costs the calling thread. */
  readonly apiTime: ApiTime;
}

/** The name of a step's plan and its number of launches are those of char-s; its work is next to none. */
const smallStep = { ...findWorkload('char-s'), name: 'char-s, 1 × 4', batch: 1, steps: 4 };

/**
 * Examines the adapter at hand: half a minute on a software one.
 *
 * @param realm - The global object that has WebGPU's classes.
 * @param report - Gets a line for everything that happens.
 */
export async function examine(
  realm: GpuRealm,
  report: (text: string) => void,
): Promise<Examination> {
  using device = await requestDevice({ powerPreference: 'high-performance' });
  report('measuring what the adapter can do');
  const limits = await measureLimits(device.gpu, { rest: restFor(device.info) });
  report('measuring matrix products');
  const matmul = await measureMatmul(device);
  report('measuring the calling thread');
  const apiTime = await measureApiTime(device, smallStep, realm);
  const { navigator } = globalThis as { navigator?: Navigator };
  const machine: Machine = {
    runtime: navigator?.userAgent ?? 'unknown',
    platform: navigator?.platform ?? 'unknown',
    processor: null,
    cores: navigator?.hardwareConcurrency ?? 1,
    adapter: device.describe(),
    isSoftware: device.info.software,
  };
  return { machine, limits, matmul, apiTime };
}
