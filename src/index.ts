// The public API: exports only.
export type { ActivationChoice, ActivationName } from './cells/activations.ts';
export type {
  Cell,
  CellDefinition,
  CellGradient,
  CellNorm,
  CellOptions,
  CellStep,
  ParameterTensor,
} from './cells/cell.ts';
export { type CellName, cells } from './cells/registry.ts';
export type { ScanCell } from './cells/scan-cell.ts';
export type {
  AdapterChoice,
  DeviceInfo,
  DeviceLimits,
  LimitName,
  Runtime,
  raisedLimits,
} from './device/adapter.ts';
export type { CompileOptions } from './device/compile.ts';
export type { BufferRequest, DeviceCounters } from './device/core.ts';
export type { Device } from './device/device.ts';
export type { Executable, ReadbackArray, RunOptions } from './device/executable.ts';
export type { CellRegistry, KernelRegistry } from './device/plan-checks.ts';
export type { ReadbackRange } from './device/readback.ts';
export { type DeviceOptions, requestDevice } from './device/request.ts';
export type { LaunchTime } from './device/timing.ts';
export * from './errors.ts';
export {
  type GatheredRows,
  type Lowering,
  type Operator,
  type PackedLayout,
  type PlanLimits,
  type PlanStrategy,
  type Precision,
  planStrategies,
  type ReferenceContext,
  type Storage,
  type Strategy,
  type Values,
  type View,
  type Walk,
} from './graph/operator.ts';
export {
  fill,
  type Initializer,
  input,
  type Parameter,
  parameter,
  state,
} from './graph/sources.ts';
export type { DType, GraphNode, SymbolicTensor, TensorType } from './graph/tensor.ts';
export type { SettledShape, Tunable } from './graph/tunable.ts';
export {
  DTYPES,
  type NamedTensor,
  type ReadSafetensorsOptions,
  readSafetensors,
  type SafetensorsFile,
  type TensorData,
  type TensorDtype,
  toFloat32,
  writeSafetensors,
} from './interop/safetensors.ts';
export type {
  BindingDescription,
  ConstantType,
  KernelDescription,
  PartDescription,
  StructField,
  StructLayout,
} from './kernels/description.ts';
export type { LaunchAlternative, TypedLaunch } from './kernels/launch.ts';
export {
  type DropoutLayerOptions,
  dropout,
  embedding,
  type LinearOptions,
  lastStep,
  linear,
  type NamedLayerOptions,
  oneHot,
  relu,
  sigmoid,
  tanh,
} from './layers/basic.ts';
export { buildModel } from './layers/build.ts';
export { constant, normal, orthogonalBlocks, uniform, withRows } from './layers/initializers.ts';
export type { Layer, LayerConfig } from './layers/layer.ts';
export { type LayerNormLayerOptions, layerNorm } from './layers/layer-norm.ts';
export type { MergeMode } from './layers/merge.ts';
export { type MinGruOptions, type MinLstmOptions, minGru, minLstm } from './layers/min-rnn.ts';
export {
  Model,
  type ModelFunction,
  model,
  type NamedTensors,
  sequential,
  type TracedModel,
  type TraceOptions,
} from './layers/model.ts';
export {
  type Direction,
  type GruOptions,
  gru,
  type IndRnnOptions,
  indRnn,
  type LstmOptions,
  lstm,
  type RecurrentLayer,
  type RecurrentOptions,
  type RecurrentResult,
  type RnnOptions,
  recurrent,
  rnn,
  type SlstmOptions,
  slstm,
} from './layers/recurrent.ts';
export {
  gruCell,
  indRnnCell,
  type LayerOnlyOption,
  lstmCell,
  type RecurrentCell,
  recurrentCell,
  rnnCell,
} from './layers/recurrent-cell.ts';
export type { RecurrentState } from './layers/recurrent-state.ts';
export type { CarriedState, TraceMode } from './layers/trace.ts';
export * as ops from './ops/index.ts';
export type { RandomCounter } from './random.ts';
export { Random } from './random.ts';
export { evaluateGraph, type GraphValues } from './reference/interpreter.ts';
export { explainPlan, measurePlan, type PlanTotals } from './schedule/explain.ts';
export type { ParameterLayout, ParameterSlot } from './schedule/parameter-layout.ts';
export type {
  BufferView,
  Decision,
  Launch,
  LaunchCost,
  Plan,
  PlanBuffer,
  PlanBufferRole,
  PlanContent,
  PlanTensor,
  ResidentPlan,
} from './schedule/plan.ts';
export { type Checkpoint, type CheckpointHeader, readCheckpoint } from './training/checkpoint.ts';
export type { Clipping, ClippingOptions } from './training/clipping.ts';
export { type BatchedArray, batches, type DataField, type DataSource } from './training/data.ts';
export type {
  Engine,
  EngineState,
  NamedArrays,
  NonFiniteFinding,
  StepDetails,
} from './training/engine.ts';
export { initializeParameters } from './training/initialize.ts';
export type { LossScaleOptions, LossScaleState } from './training/loss-scale.ts';
export { Network } from './training/network.ts';
export type { Optimizer, OptimizerViews, UpdatePosition } from './training/optimizer.ts';
export { type AdamOptions, adam, adamw } from './training/optimizer-adam.ts';
export { type RmspropOptions, rmsprop } from './training/optimizer-rmsprop.ts';
export { type SgdOptions, sgd } from './training/optimizer-sgd.ts';
export { makeOptimizer, optimizers } from './training/optimizers.ts';
export type {
  GroupSettings,
  ParameterGroup,
  ParameterGroups,
} from './training/parameter-groups.ts';
export type { PlateauOptions, PlateauState } from './training/plateau.ts';
export { type GraphRequest, runGraph, type TensorArray } from './training/run-graph.ts';
export type { SampleOptions } from './training/sampling.ts';
export {
  constantRate,
  cosineDecay,
  type LearningRateCurve,
  type LearningRateSchedule,
  reduceOnPlateau,
  stepDecay,
  warmUp,
} from './training/schedules.ts';
export { type SelfTestResult, selfTest } from './training/self-test.ts';
export type { StepRecord } from './training/step-state.ts';
export type { ShapedArray, Stream, StreamInputs, StreamOptions } from './training/stream.ts';
export {
  type TextSource,
  type TextStreamOptions,
  type TokenStreamOptions,
  textStream,
  tokenStream,
} from './training/text-stream.ts';
export { type FitOptions, Trainer, type TrainingProgress } from './training/trainer.ts';
export type { TrainerOptions } from './training/trainer-setup.ts';
export type { LossFunction, LossName } from './training/training-graph.ts';
export {
  loadTuning,
  type MeasureOptions,
  type TuneForwardOptions,
  type TuneOptions,
  type TuneTrainingOptions,
  tune,
} from './training/tune.ts';
export { Vocabulary } from './training/vocabulary.ts';
export type { Duel } from './tuning/duel.ts';
export type { TuneProgress } from './tuning/measure.ts';
export type { CandidateOutcome, CandidateReport, Refusal } from './tuning/search.ts';
export {
  parseTuning,
  type ShapeAxes,
  type TunedShape,
  type Tuning,
} from './tuning/tuning.ts';
