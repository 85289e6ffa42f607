import type { PlanStrategy, Precision } from '../graph/operator.ts';
import type { ShapeSource } from '../graph/tunable.ts';
import type { Model } from '../layers/model.ts';
import type { Clipping } from './clipping.ts';
import type { DataSource } from './data.ts';
import type { LossScaleState, LossScaling } from './loss-scale.ts';
import type { Optimizer } from './optimizer.ts';
import type { LearningRateSchedule } from './schedules.ts';
import type { StepRecord } from './step-state.ts';
import type { LossFunction, TrainingGraph } from './training-graph.ts';

/** Everything a training run is made of, after validation. */
export interface TrainingSpec {
  readonly model: Model;
  readonly data: DataSource;
  readonly loss: LossFunction;
  readonly graph: TrainingGraph;
  readonly optimizer: Optimizer;
  readonly schedule: LearningRateSchedule;
  readonly clipping: Clipping;
  readonly seed: number;
  readonly stateful: boolean;
  readonly strategy: PlanStrategy | undefined;
  /** Kernel shapes that were measured, for the plans of training, evaluation and sampling. */
  readonly tuning: ShapeSource | undefined;
  readonly precision: Precision;
  /** Given where {@link precision} is f16. */
  readonly lossScaling: LossScaling | undefined;
}

/** Numbers by name, float32 from a device and float64 from the reference. */
export type NamedArrays = Map<string, Float32Array | Float64Array>;

/** The state of training as one object: it can be saved, restored and moved to another device. */
export interface EngineState {
  readonly parameters: NamedArrays;
  /** Optimizer moments by moment name, then by parameter name. */
  readonly moments: ReadonlyMap<string, NamedArrays>;
  /** Carried recurrent states by name. */
  readonly states: NamedArrays;
  /** Steps finished: random counter and data cursor. */
  readonly step: number;
  readonly learningRateScale: number;
  /** Steps among those finished that changed nothing; 0 if absent. */
  readonly skippedSteps?: number;
  /** Where the loss scaling of f16 training stands. */
  readonly lossScale?: LossScaleState;
}

/** One step, looked at closely: what parity validation compares. */
export interface StepDetails {
  readonly record: StepRecord;
  /** Gradients before clipping, by parameter name. */
  readonly gradients: NamedArrays;
}

/** The first tensor of a step that is not finite. */
export interface NonFiniteFinding {
  readonly tensor: string;
  readonly index: readonly number[];
  readonly value: number;
}

/** What runs training steps: a GPU device, or the float64 reference. */
export interface Engine {
  /** Steps submitted so far, finished or not. */
  readonly step: number;
  /** Most steps that {@link run} takes at once. */
  readonly maxStepsPerRun: number;
  /**
   * Starts `count` steps at once, whether the result is awaited or not.
   *
   * @returns Their records, once they are finished. Fewer where one failed.
   * @throws {DeviceLostError} if the device is gone.
   */
  run(count: number): Promise<StepRecord[]>;
  /** Runs one step and returns its gradients. */
  runDetailed(): Promise<StepDetails>;
  /** Where the step that failed first went wrong; the training state still stands before that step. */
  findNonFinite(): Promise<NonFiniteFinding | undefined>;
  /** Mean loss over batches of data of the training data's shape, without dropout. */
  evaluate(data: DataSource, batches: number): Promise<number>;
  /** Multiplies the schedule's rates from the next step on: reduce-on-plateau. */
  setLearningRateScale(scale: number): void;
  /** The state of training after the steps started so far. */
  exportState(): Promise<EngineState>;
  /** Goes on from a state of the same model and optimizer. */
  importState(state: EngineState): void;
  /** Strategy and variant of every recurrence. */
  readonly choices: readonly string[];
  /** The plan in words; see `explainPlan`. */
  explain(): string;
  /** Frees what the engine holds. */
  dispose(): void;
}
