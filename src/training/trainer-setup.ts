import type { Device } from '../device/device.ts';
import { FileFormatError, OptionError } from '../errors.ts';
import { type PlanStrategy, type Precision, planStrategies } from '../graph/operator.ts';
import type { Model } from '../layers/model.ts';
import type { Plan } from '../schedule/plan.ts';
import type { Tuning } from '../tuning/tuning.ts';
import { type CheckpointHeader, readCheckpoint } from './checkpoint.ts';
import { type ClippingOptions, parseClipping } from './clipping.ts';
import type { DataSource } from './data.ts';
import type { Engine, EngineState, TrainingSpec } from './engine.ts';
import { GpuEngine } from './gpu-engine.ts';
import { initializeParameters } from './initialize.ts';
import { type LossScaleOptions, parseLossScale } from './loss-scale.ts';
import { Network, type NetworkWeights } from './network.ts';
import type { Optimizer } from './optimizer.ts';
import { checkNumber, positiveInteger, wholeNumber } from './options.ts';
import { PlateauController, PlateauWindow } from './plateau.ts';
import { checkPrecision } from './precision.ts';
import { ReferenceEngine } from './reference-engine.ts';
import { constantRate, type LearningRateSchedule, parseSchedule } from './schedules.ts';
import { type SelfTestResult, testForTraining } from './self-test.ts';
import {
  buildTrainingGraph,
  type LossFunction,
  type LossName,
  resolveLoss,
} from './training-graph.ts';
import { chooseShapes } from './tuned-shapes.ts';

/** What to train, on what, and how. */
export interface TrainerOptions extends ClippingOptions {
  /** A GPU device, or `'reference'` for float64 on the CPU: slow, for validation. */
  readonly device: Device | 'reference';
  readonly model: Model;
  readonly data: DataSource;
  /** Default `cross-entropy` between `output` and the batch's `target`. */
  readonly loss?: LossName | LossFunction;
  readonly optimizer: Optimizer;
  /** Default: the optimizer's rate at every step. */
  readonly schedule?: LearningRateSchedule;
  /** Seed of first weights, dropout and nothing else; 32 bits, default 0. */
  readonly seed?: number;
  /** Recurrent layers go on from the state the last step ended with (truncated BPTT). Default false. */
  readonly stateful?: boolean;
  /**
   * Forces how recurrences, or with `resident` whole steps, run; by default the scheduler chooses. `wavefront`
   * needs stacked layers of one cell and direction, and is refused where there are none.
   */
  readonly strategy?: PlanStrategy;
  /**
   * Kernel shapes that `tune()` has measured, of one adapter or of several; without it the rules choose. Sums
   * may be added in another order, so the last bits of results may differ.
   */
  readonly tuning?: Tuning | readonly Tuning[];
  /**
   * How weights, activations and their gradients are stored on the device: `f16` takes half the memory of `f32`
   * and needs the feature `shader-f16`. Arithmetic, the trained weights, their gradients and moments stay float32;
   * see docs/numerics.md. Default `f32`.
   */
  readonly precision?: Precision;
  /** Loss scaling of f16 training. */
  readonly lossScale?: LossScaleOptions;
  /** Repeats every so manieth step on the reference and compares loss and gradients. */
  readonly validate?: { readonly every: number };
  /** Whether to check the device on tiny networks first. Default true. */
  readonly selfTest?: boolean;
  /** A checkpoint of the same model to go on from. */
  readonly checkpoint?: Uint8Array;
  /** Plain data to be found again in checkpoints. */
  readonly run?: Readonly<Record<string, unknown>>;
}

/** What a trainer is made of. */
export interface TrainerParts {
  readonly spec: TrainingSpec;
  readonly engine: Engine;
  readonly network: Network;
  readonly plateau: PlateauWindow | undefined;
  readonly resumeNotes: readonly string[];
}

/** Checks options, traces and compiles the model, and goes on from a checkpoint if there is one. */
export async function setUp(options: TrainerOptions): Promise<TrainerParts> {
  const spec = readSpec(options);
  const engine = await createEngine(options, spec);
  try {
    const saved = options.checkpoint && readCheckpoint(options.checkpoint);
    const resumeNotes: string[] = [];
    if (saved) {
      engine.importState(checkState(spec, saved.readState()));
      resumeNotes.push(...compareRuns(saved, spec, engine.choices));
    }
    const { plateau: rule } = spec.schedule;
    const rate = spec.optimizer.learningRate;
    const plateau =
      rule &&
      new PlateauWindow(new PlateauController(rule, rate, saved?.plateau), saved?.plateauLosses);
    const weights: NetworkWeights =
      engine instanceof GpuEngine
        ? { kind: 'gpu', store: engine.store, ownsStore: false }
        : { kind: 'reference', read: () => (engine as ReferenceEngine).parameters };
    const network = new Network(
      spec.model,
      spec.graph.layout,
      spec.data.vocabulary,
      weights,
      spec.precision,
    );
    return { spec, engine, network, plateau, resumeNotes };
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

/** Compiles the model, and tests the device meanwhile: nothing is trained before both are done. */
async function createEngine(options: TrainerOptions, spec: TrainingSpec): Promise<Engine> {
  const { device } = options;
  const draw = () => initializeParameters(spec.graph.layout, spec.seed);
  if (device === 'reference') return new ReferenceEngine(spec, draw());
  const headStart = !options.checkpoint && !options.validate;
  let testing: Promise<[PromiseSettledResult<SelfTestResult>]> | undefined;
  // The engine asks for its pipelines first: the first step waits for them, nothing but the verdict for the test's.
  const onPlan = (plan: Plan) => {
    if (options.selfTest === false) return;
    testing = Promise.allSettled([testForTraining(device, spec.precision, plan)]);
  };
  const [engine] = await Promise.allSettled([
    GpuEngine.create(device, spec, draw, { headStart, onPlan }),
  ]);
  const [test] = (await testing) ?? [];
  if (engine.status === 'rejected') throw engine.reason;
  if (test?.status !== 'rejected') return engine.value;
  engine.value.dispose();
  throw test.reason;
}

/** Checks the options of a trainer and traces its model. */
export function readSpec(options: TrainerOptions): TrainingSpec {
  const { device, model, data, optimizer, stateful = false, strategy } = options;
  const seed = checkNumber('Trainer', 'seed', options.seed ?? 0, wholeNumber);
  if (options.validate) {
    checkNumber('Trainer', 'validate.every', options.validate.every, positiveInteger);
  }
  if (strategy !== undefined && !planStrategies.includes(strategy)) {
    const known = planStrategies.map((name) => `'${name}'`).join(', ');
    throw new OptionError(`Trainer: strategy is '${String(strategy)}', expected one of ${known}.`);
  }
  const precision = checkPrecision('Trainer', options.device, options.precision);
  const lossScaling = parseLossScale(options.lossScale, precision);
  const loss = resolveLoss(options.loss ?? 'cross-entropy');
  const graph = buildTrainingGraph(model, data, loss, stateful, lossScaling !== undefined);
  optimizer.groups.check([...graph.layout.slots.keys()]);
  return {
    model,
    data,
    loss,
    graph,
    optimizer,
    schedule: options.schedule ? parseSchedule(options.schedule) : constantRate(),
    clipping: parseClipping(options),
    seed,
    stateful,
    strategy,
    tuning: device === 'reference' ? undefined : chooseShapes(device, options.tuning),
    precision,
    lossScaling,
  };
}

/** @throws {FileFormatError} unless a state holds every tensor of a model and nothing else. */
function checkState({ graph, optimizer }: TrainingSpec, state: EngineState): EngineState {
  const check = (what: string, values: ReadonlyMap<string, ArrayLike<number>> | undefined) => {
    for (const [name, { size }] of graph.layout.slots) {
      const length = values?.get(name)?.length;
      if (length === size) continue;
      throw new FileFormatError(
        `checkpoint: ${what} '${name}' has ${length ?? 'no'} values, expected ${size}. The checkpoint ` +
          'belongs to another model: build the model it was saved from.',
      );
    }
    for (const name of values?.keys() ?? []) {
      if (graph.layout.slots.has(name)) continue;
      throw new FileFormatError(
        `checkpoint: ${what} '${name}' is not in the model. Build the model it was saved from.`,
      );
    }
  };
  check('weight', state.parameters);
  for (const name of optimizer.moments) check(`moment ${name} of`, state.moments.get(name));
  for (const [name, { initial }] of graph.traced.states) {
    const length = state.states.get(name)?.length;
    if (length === initial.size) continue;
    throw new FileFormatError(
      `checkpoint: state '${name}' has ${length ?? 'no'} values, expected ${initial.size}. ` +
        'Resume with the batch size and the stateful option of the first run.',
    );
  }
  for (const name of state.states.keys()) {
    if (graph.traced.states.has(name)) continue;
    throw new FileFormatError(
      `checkpoint: state '${name}' is carried from step to step, this run carries none. ` +
        'Resume with stateful: true.',
    );
  }
  return state;
}

/** Notes on what a resumed run does otherwise than the run that wrote the checkpoint. */
function compareRuns(
  saved: CheckpointHeader,
  { seed, optimizer, schedule, precision }: TrainingSpec,
  choices: readonly string[],
): string[] {
  const notes: string[] = [];
  const compare = (what: string, before: unknown, now: unknown): void => {
    const [a, b] = [JSON.stringify(before), JSON.stringify(now)];
    if (a !== b) notes.push(`${what} is ${b}, the checkpoint was written with ${a}.`);
  };
  compare('seed', saved.seed, seed);
  compare('optimizer', saved.optimizer.name, optimizer.name);
  compare('optimizer options', saved.optimizer.options, optimizer.options);
  compare('schedule', saved.schedule, schedule);
  compare('precision', saved.lossScale ? 'f16' : 'f32', precision);
  if (saved.choices.join('\n') !== choices.join('\n')) {
    notes.push(
      'this device or version chooses other kernels than the run that wrote the checkpoint; the last ' +
        'bits of results may differ from an uninterrupted run.',
    );
  }
  return notes;
}
