/**
 * What a training step costs the thread that calls it. Device work does not count, as long as there is little
 * of it: on Dawn's null backend (api-time-null.ts) there is none.
 */
import { adam, type Device, Trainer } from '../src/index.ts';
import type { GpuRealm } from './counters.ts';
import { learningRate, makeData, makeModel, seed } from './data.ts';
import { alignColumns } from './format.ts';
import type { Workload } from './workloads.ts';

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

/** Most rounds that are timed, and for how long; as many are metered, and some more run before. */
const mostRounds = 100;
const mostMs = 2000;
const meteredClasses = [
  'GPUDevice',
  'GPUQueue',
  'GPUBuffer',
  'GPUCommandEncoder',
  'GPUComputePassEncoder',
] as const;

/**
 * Measures a training workload, once with each number of steps per submit.
 *
 * @param realm - The global object that has WebGPU's classes; their methods are metered for a while.
 * @throws {Error} if the workload does not train, or the device reports an error.
 */
export async function measureApiTime(
  device: Device,
  workload: Workload,
  realm: GpuRealm,
  stepsPerSubmit: readonly number[] = [1, 16],
): Promise<ApiTime> {
  if (workload.kind !== 'training') {
    throw new Error(`'${workload.name}' is ${workload.kind}, expected a training workload.`);
  }
  await using trainer = await Trainer.create({
    device,
    model: makeModel(workload),
    data: makeData(workload),
    optimizer: adam({ learningRate }),
    seed,
    selfTest: false,
  });
  const steps: StepCost[] = [];
  for (const count of stepsPerSubmit) steps.push(await measureSteps(device, trainer, realm, count));
  await device.check();
  return { workload: workload.name, launches: countLaunches(trainer), steps };
}

function countLaunches({ engine }: Trainer): number {
  const { executable } = engine as { executable?: { plan: { launches: readonly unknown[] } } };
  if (!executable) throw new Error('the trainer does not run on a device.');
  return executable.plan.launches.length;
}

async function measureSteps(
  device: Device,
  { engine }: Trainer,
  realm: GpuRealm,
  stepsPerSubmit: number,
): Promise<StepCost> {
  /** Starts steps as `fit` does. Returns how long the thread was held. */
  const round = async (): Promise<number> => {
    const start = performance.now();
    const records = engine.run(stepsPerSubmit);
    const ms = performance.now() - start;
    await records;
    return ms;
  };
  const started = performance.now();
  let warmups = 0;
  while (warmups < mostRounds / 4 && performance.now() < started + mostMs / 4) {
    await round();
    warmups += 1;
  }
  const rounds = 4 * warmups;
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
  const meter = meterCalls(realm);
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
function meterCalls(realm: GpuRealm) {
  let [ms, dispatches] = [0, 0];
  const restore: (() => void)[] = [];
  for (const name of meteredClasses) {
    const prototype = realm[name]?.prototype as Record<string, unknown>;
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

const toMs = (ms: number): string => ms.toFixed(4);

/** API times as text: a line per workload and number of steps in a submit. */
export function describeApiTime(times: readonly ApiTime[]): string {
  const rows = times.flatMap(({ workload, launches, steps }) =>
    steps.map((cost) => [
      workload,
      String(launches),
      String(cost.stepsPerSubmit),
      toMs(cost.medianMs),
      toMs(cost.bestMs),
      toMs(cost.apiMs),
    ]),
  );
  const heading = [
    'calling thread, ms a step',
    'launches',
    'steps a submit',
    'held',
    'best',
    'in API calls',
  ];
  return alignColumns([heading, ...rows])
    .map((line) => `  ${line}`)
    .join('\n');
}
