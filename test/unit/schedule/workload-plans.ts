import { learningRate, makeData, makeModel, seed } from '../../../bench/data.ts';
import type { Workload } from '../../../bench/workloads.ts';
import type { PlanLimits, PlanStrategy, Precision } from '../../../src/graph/operator.ts';
import type { Plan } from '../../../src/schedule/plan.ts';
import { sharedKeys } from '../../../src/schedule/program.ts';
import { GpuStore } from '../../../src/training/gpu-store.ts';
import { Network } from '../../../src/training/network.ts';
import { adam } from '../../../src/training/optimizer-adam.ts';
import { Trainer } from '../../../src/training/trainer.ts';
import type { TrainerOptions } from '../../../src/training/trainer-setup.ts';
import { inputTypes, layoutOf } from '../../../src/training/training-graph.ts';
import { makeRecordingDevice, NothingRuns } from './recording-device.ts';

function theOnly(plans: readonly Plan[]): Plan {
  const [plan] = plans;
  if (!plan || plans.length !== 1) {
    throw new Error(
      `${plans.length} plans were compiled (${plans.map(({ name }) => name)}), expected one`,
    );
  }
  return plan;
}

/** The plan of one training step, as a trainer makes it. */
export async function planTraining(
  options: Omit<TrainerOptions, 'device' | 'optimizer'>,
  limits: PlanLimits,
): Promise<Plan> {
  const { device, plans } = makeRecordingDevice(limits);
  const optimizer = adam({ learningRate });
  await Trainer.create({ ...options, device, optimizer, selfTest: false });
  return theOnly(plans);
}

/** The plan of a workload of the bench: a training step, a forward pass, or one sampled token. */
export async function planWorkload(
  workload: Workload,
  limits: PlanLimits,
  {
    precision = 'f32',
    strategy,
  }: { readonly precision?: Precision; readonly strategy?: PlanStrategy | undefined } = {},
): Promise<Plan> {
  const [model, data] = [makeModel(workload), makeData(workload)];
  if (workload.kind === 'training') {
    return planTraining({ model, data, seed, precision, ...(strategy && { strategy }) }, limits);
  }
  const { device, plans } = makeRecordingDevice(limits);
  const store = new GpuStore(device);
  const layout = layoutOf(model.trace(inputTypes(data)));
  store.create(sharedKeys.parameters, 4 * layout.totalFloats);
  const network = new Network(
    model,
    layout,
    undefined,
    { kind: 'gpu', store, ownsStore: true },
    precision,
  );
  const { steps, batch, inputSize } = workload;
  const shape = [steps, batch, inputSize];
  const work =
    workload.kind === 'inference'
      ? network.forward({ input: { data: new Float32Array(steps * batch * inputSize), shape } })
      : network.sampleTokens([0], { length: steps, temperature: 0 });
  await work.catch((error) => {
    if (!(error instanceof NothingRuns)) throw error;
  });
  return theOnly(plans);
}
