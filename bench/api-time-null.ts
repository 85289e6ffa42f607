/**
 * API time on Dawn's null backend, which checks and records everything and computes nothing: all time is API
 * calls and the library's own. Node only.
 */
import { create, globals } from 'webgpu';
import { openDevice } from '../src/device/adapter.ts';
import { requestDevice } from '../src/index.ts';
import { type ApiTime, measureApiTime } from './api-time.ts';
import type { GpuRealm } from './counters.ts';
import type { Workload } from './workloads.ts';

/** Dawn must be kept for as long as anything made through it runs. */
let dawn: GPU | undefined;

/** Measures a training workload on a device whose results are whatever was in memory. */
export async function measureNullApiTime(
  workload: Workload,
  stepsPerSubmit?: readonly number[],
): Promise<ApiTime> {
  dawn ??= create(['backend=null']);
  const adapter = await dawn.requestAdapter();
  if (!adapter) throw new Error('Dawn has no null backend here.');
  const gpu = await openDevice(adapter, 'null');
  try {
    using device = await requestDevice({ device: gpu });
    return await measureApiTime(device, workload, globals as GpuRealm, stepsPerSubmit);
  } finally {
    gpu.destroy();
  }
}
