import type { Device } from '../../device/device.ts';
import { sizeOf } from '../../graph/tensor.ts';
import { listModelParameters } from '../../interop/case-tensors.ts';
import type { CaseOptimizer } from '../../interop/case-training.ts';
import type { TrainingCase } from '../../interop/case-types.ts';
import type { NamedTensor } from '../../interop/safetensors.ts';
import { embedding, linear, oneHot } from '../../layers/basic.ts';
import { type Model, sequential } from '../../layers/model.ts';
import { parseClipping } from '../../training/clipping.ts';
import { batches } from '../../training/data.ts';
import type { Engine, NamedArrays, TrainingSpec } from '../../training/engine.ts';
import { GpuEngine } from '../../training/gpu-engine.ts';
import type { Optimizer } from '../../training/optimizer.ts';
import { makeOptimizer } from '../../training/optimizers.ts';
import { ReferenceEngine } from '../../training/reference-engine.ts';
import { runGraph } from '../../training/run-graph.ts';
import { constantRate } from '../../training/schedules.ts';
import type { StepRecord } from '../../training/step-state.ts';
import { buildTrainingGraph, inputTypes, resolveLoss } from '../../training/training-graph.ts';
import { buildRecurrentLayer } from './build-layer.ts';
import { toNamedTensor, toTensorArray } from './results.ts';

/** A training trace: every loss and gradient norm, the first gradients, the final weights and logits. */
export async function runTrainingCase(
  device: Device | 'reference',
  parsed: TrainingCase,
): Promise<Map<string, NamedTensor>> {
  const spec = buildSpec(parsed);
  const engine = await createEngine(device, spec, readInitialParameters(parsed));
  try {
    return await collectResults(device, parsed, spec, engine);
  } finally {
    engine.dispose();
  }
}

function buildModel(parsed: TrainingCase): Model {
  const { input, vocabularySize } = parsed.training;
  return sequential([
    input === 'embedding'
      ? embedding(vocabularySize, parsed.inputSize, { name: 'embedding' })
      : oneHot(vocabularySize),
    buildRecurrentLayer(parsed),
    linear(vocabularySize, { name: 'linear' }),
  ]);
}

function buildSpec(parsed: TrainingCase): TrainingSpec {
  const { training } = parsed;
  const readTokens = (name: string) => {
    const { data, shape } = parsed.inputs.get(name) as NamedTensor;
    return { values: data as Int32Array, shape, vocabularySize: training.vocabularySize };
  };
  const model = buildModel(parsed);
  const data = batches({ input: readTokens('tokens'), target: readTokens('targets') });
  const loss = resolveLoss('cross-entropy');
  const { stateful, clipGradNorm } = training;
  return {
    model,
    data,
    loss,
    graph: buildTrainingGraph(model, data, loss, stateful),
    optimizer: buildOptimizer(training.optimizer),
    schedule: constantRate(),
    clipping: parseClipping(clipGradNorm === null ? {} : { clipNorm: clipGradNorm }),
    seed: 0,
    stateful,
    strategy: undefined,
    tuning: undefined,
    precision: 'f32',
    lossScaling: undefined,
  };
}

/** PyTorch's names in small letters are ours; apart from the betas so are the settings' names. */
function buildOptimizer(settings: CaseOptimizer): Optimizer {
  const name = settings.name.toLowerCase();
  if ('beta1' in settings) {
    const { learningRate, beta1, beta2, epsilon, weightDecay } = settings;
    return makeOptimizer(name, { learningRate, betas: [beta1, beta2], epsilon, weightDecay });
  }
  const { name: _, ...options } = settings;
  return makeOptimizer(name, options);
}

function readInitialParameters(parsed: TrainingCase): NamedArrays {
  return new Map(
    listModelParameters(parsed).map(({ name }) => [
      name,
      toTensorArray(parsed.inputs.get(`init.${name}`) as NamedTensor) as Float32Array,
    ]),
  );
}

async function createEngine(
  device: Device | 'reference',
  spec: TrainingSpec,
  parameters: NamedArrays,
): Promise<Engine> {
  return device === 'reference'
    ? new ReferenceEngine(spec, parameters)
    : GpuEngine.create(device, spec, () => parameters);
}

async function collectResults(
  device: Device | 'reference',
  parsed: TrainingCase,
  spec: TrainingSpec,
  engine: Engine,
): Promise<Map<string, NamedTensor>> {
  const { steps } = parsed.training;
  const first = await engine.runDetailed();
  const records = [first.record, ...(await runSteps(engine, steps))];
  const { parameters } = await engine.exportState();
  const results = new Map<string, NamedTensor>();
  const series = (pick: (record: StepRecord) => number) =>
    toNamedTensor(Float32Array.from(records, pick), [steps]);
  results.set(
    'loss',
    series(({ loss }) => loss),
  );
  results.set(
    'grad_norm',
    series(({ gradientNorm }) => gradientNorm),
  );
  const addParameters = (prefix: string, values: NamedArrays) => {
    for (const { name, shape } of listModelParameters(parsed)) {
      const data = Float32Array.from(values.get(name) ?? new Float32Array(sizeOf(shape)));
      results.set(`${prefix}.${name}`, toNamedTensor(data, shape));
    }
  };
  addParameters('grad0', first.gradients);
  addParameters('final', parameters);
  const logits = await computeLogits(device, parsed, spec, parameters);
  results.set('logits_final', logits);
  results.set('pred', pickLargest(logits));
  return new Map([...results].filter(([name]) => parsed.checks.includes(name)));
}

/** Runs the steps from the engine's own up to `end`. */
async function runSteps(engine: Engine, end: number): Promise<StepRecord[]> {
  const records: StepRecord[] = [];
  while (engine.step < end) {
    const count = Math.min(engine.maxStepsPerRun, end - engine.step);
    records.push(...(await engine.run(count)));
  }
  return records;
}

/** Logits [T, B, V] of the last batch from zero states, with the given weights. */
async function computeLogits(
  device: Device | 'reference',
  parsed: TrainingCase,
  { model, data }: TrainingSpec,
  parameters: NamedArrays,
): Promise<NamedTensor> {
  const { input } = inputTypes(data) as { input: { shape: readonly number[]; dtype: 'i32' } };
  const tokens = (parsed.inputs.get('tokens') as NamedTensor).data as Int32Array;
  const { outputs } = model.trace({ input });
  const results = await runGraph(device, {
    outputs: new Map(Object.entries(outputs)),
    inputs: new Map([['input', tokens.slice(tokens.length - sizeOf(input.shape))]]),
    parameters: new Map([...parameters].map(([name, values]) => [name, Float32Array.from(values)])),
  });
  const shape = [...input.shape, parsed.training.vocabularySize];
  return toNamedTensor(results.get('output') as Float32Array, shape);
}

/** Index of the largest value along the last axis, the first of equal ones. */
function pickLargest({ data, shape }: NamedTensor): NamedTensor {
  const width = shape.at(-1) as number;
  const values = data as Float32Array;
  const picks = Int32Array.from({ length: values.length / width }, (_, row) => {
    const logits = values.subarray(row * width, (row + 1) * width);
    return logits.reduce((best, value, at) => (value > (logits[best] as number) ? at : best), 0);
  });
  return toNamedTensor(picks, shape.slice(0, -1));
}
