/**
 * What a training step costs the thread that calls it: Dawn's null backend checks and records everything and
 * computes nothing, so that all time is API calls and the library's own. Node only.
 *
 * `tsx bench/api-time.ts [workload …]` prints it for the training workloads.
 */
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { create, globals } from 'webgpu';
import { openDevice } from '../src/device/adapter.ts';
import { adam, type Device, requestDevice, Trainer } from '../src/index.ts';
import { learningRate, makeData, makeModel, seed } from './data.ts';
import { findWorkload, type Workload, workloads } from './workloads.ts';

/** Cost of one training step, as middle of many. Times are those of the calling thread. */
export interface StepCost {
  /** Steps encoded in one submit, and read back together. */
  readonly stepsPerSubmit: number;
  /** From the call that starts the steps until it returns, over the steps. Best and middle. */
  readonly bestMs: number;
  readonly medianMs: number;
  /** Middle of the time inside of API calls, those of the readback and of the clock included. */
  readonly apiMs: number;
  readonly dispatches: number;
  readonly submits: number;
  readonly buffersCreated: number;
  readonly bytesUploaded: number;
}

/** API time of a workload's training step. */
export interface ApiTime {
  readonly workload: string;
  /** Launches of the plan of a step. */
  readonly launches: number;
  readonly steps: readonly StepCost[];
}

/** Rounds that are timed; the same number is metered, and some more run before. */
const rounds = 100;
const meteredClasses = [
  'GPUDevice',
  'GPUQueue',
  'GPUBuffer',
  'GPUCommandEncoder',
  'GPUComputePassEncoder',
] as const;

/** Dawn must be kept for as long as anything made through it runs. */
let dawn: GPU | undefined;

/** A device that computes nothing: results are whatever was in memory. */
async function openNullDevice(): Promise<{ device: Device; close: () => void }> {
  dawn ??= create(['backend=null']);
  const adapter = await dawn.requestAdapter();
  if (!adapter) throw new Error('Dawn has no null backend here.');
  const gpu = await openDevice(adapter, 'null');
  const device = await requestDevice({ device: gpu });
  const close = () => {
    device.dispose();
    gpu.destroy();
  };
  return { device, close };
}

/**
 * Measures a training workload, once with each number of steps per submit.
 *
 * @throws {Error} if the workload does not train, or the device reports an error.
 */
export async function measureApiTime(
  workload: Workload,
  stepsPerSubmit: readonly number[] = [1, 16],
): Promise<ApiTime> {
  if (workload.kind !== 'training') {
    throw new Error(`'${workload.name}' is ${workload.kind}, expected a training workload.`);
  }
  const { device, close } = await openNullDevice();
  try {
    const trainer = await Trainer.create({
      device,
      model: makeModel(workload),
      data: makeData(workload),
      optimizer: adam({ learningRate }),
      seed,
      selfTest: false,
    });
    try {
      const steps: StepCost[] = [];
      for (const count of stepsPerSubmit) steps.push(await measureSteps(device, trainer, count));
      await device.check();
      return { workload: workload.name, launches: countLaunches(trainer), steps };
    } finally {
      await trainer.dispose();
    }
  } finally {
    close();
  }
}

function countLaunches({ engine }: Trainer): number {
  const { executable } = engine as { executable?: { plan: { launches: readonly unknown[] } } };
  if (!executable) throw new Error('the trainer does not run on a device.');
  return executable.plan.launches.length;
}

async function measureSteps(
  device: Device,
  { engine }: Trainer,
  stepsPerSubmit: number,
): Promise<StepCost> {
  /** Starts steps as `fit` does. Returns how long the thread was held. */
  const round = async (): Promise<number> => {
    const first = engine.step;
    const start = performance.now();
    engine.run(stepsPerSubmit);
    const records = engine.records(first, first + stepsPerSubmit);
    const ms = performance.now() - start;
    await records;
    return ms;
  };
  for (let index = 0; index < rounds / 4; index++) await round();
  const before = { ...device.counters };
  const times: number[] = [];
  for (let index = 0; index < rounds; index++) times.push(await round());
  const { counters } = device;
  const steps = rounds * stepsPerSubmit;
  const perStep = (name: keyof typeof counters): number => (counters[name] - before[name]) / steps;
  times.sort((a, b) => a - b);
  const cost = {
    stepsPerSubmit,
    bestMs: (times[0] as number) / stepsPerSubmit,
    medianMs: (times[rounds >> 1] as number) / stepsPerSubmit,
    dispatches: perStep('dispatches'),
    submits: perStep('submits'),
    buffersCreated: perStep('buffersCreated'),
    bytesUploaded: perStep('bytesUploaded'),
  };
  // Metered calls are a little slower, so they come second.
  const meter = meterCalls();
  try {
    const apiTimes: number[] = [];
    for (let index = 0; index < rounds; index++) {
      meter.reset();
      await round();
      apiTimes.push(meter.ms());
    }
    const seen = meter.dispatches() / steps;
    if (seen !== cost.dispatches) {
      throw new Error(`${seen} dispatches a step were seen, the device counts ${cost.dispatches}.`);
    }
    apiTimes.sort((a, b) => a - b);
    return { ...cost, apiMs: (apiTimes[rounds >> 1] as number) / stepsPerSubmit };
  } finally {
    meter.remove();
  }
}

/** Times every call of WebGPU itself, whoever makes it, until removed. */
function meterCalls() {
  let [ms, dispatches] = [0, 0];
  const restore: (() => void)[] = [];
  const classes = globals as unknown as Record<string, { readonly prototype: object }>;
  for (const name of meteredClasses) {
    const prototype = classes[name]?.prototype as Record<string, unknown>;
    const properties = Object.entries(Object.getOwnPropertyDescriptors(prototype));
    for (const [method, { value: original }] of properties) {
      if (typeof original !== 'function' || method === 'constructor') continue;
      const isDispatch = method.startsWith('dispatchWorkgroups');
      prototype[method] = function (this: unknown, ...given: unknown[]) {
        if (isDispatch) dispatches += 1;
        const start = performance.now();
        const result: unknown = original.apply(this, given);
        ms += performance.now() - start;
        return result;
      };
      restore.push(() => {
        prototype[method] = original;
      });
    }
  }
  return {
    ms: () => ms,
    dispatches: () => dispatches,
    reset: () => {
      ms = 0;
    },
    remove: () => {
      for (const undo of restore) undo();
    },
  };
}

/** API times as text: a line per workload and number of steps in a submit. */
export function describeApiTime({ workload, launches, steps }: ApiTime): string {
  return steps
    .map(({ stepsPerSubmit, medianMs, bestMs, apiMs, dispatches, submits, buffersCreated }) => {
      const times = [medianMs, bestMs, apiMs].map((ms) => ms.toFixed(4).padStart(9)).join('');
      return (
        `  ${workload.padEnd(8)}${String(stepsPerSubmit).padStart(5)}${times} ms; ${launches} launches, ` +
        `${dispatches} dispatches, ${submits.toFixed(3)} submits, ${buffersCreated} buffers a step`
      );
    })
    .join('\n');
}

async function main(names: readonly string[]): Promise<void> {
  const training = workloads.filter(({ kind }) => kind === 'training');
  const chosen = names.length > 0 ? names.map(findWorkload) : training;
  console.log('  workload  steps a submit: held median, best, in API calls; Dawn, null backend');
  for (const workload of chosen) console.log(describeApiTime(await measureApiTime(workload)));
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) await main(argv.slice(2));
