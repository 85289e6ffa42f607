import type { Device } from '../device/device.ts';
import type { Executable } from '../device/executable.ts';
import type { Lowering } from '../graph/operator.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { explainPlan } from '../schedule/explain.ts';
import { sharedKeys } from '../schedule/program.ts';
import { schedule } from '../schedule/schedule.ts';
import { type DataSource, residentArrays } from './data.ts';
import type {
  Engine,
  EngineState,
  NamedArrays,
  NonFiniteFinding,
  StepDetails,
  TrainingSpec,
} from './engine.ts';
import { GpuStore } from './gpu-store.ts';
import { planLimits } from './plan-limits.ts';
import { flattenParameters } from './run-graph.ts';
import {
  lowerCarryState,
  lowerFinishStep,
  lowerGatherBatch,
  lowerGradientNorm,
  trainingState,
} from './step.ts';
import {
  decodeHistory,
  decodeTrainingState,
  encodeTrainingState,
  learningRateScaleOffsetBytes,
  type StepRecord,
  stepRecordBytes,
  trainingKeys,
  trainingStateBytes,
} from './step-state.ts';
import { buildLossGraph, type LossGraph } from './training-graph.ts';

/** Steps whose records the history holds. */
const HISTORY_STEPS = 1024;
/** Most steps in one submit; two submits and a detailed step must fit in the history. */
const STEPS_PER_RUN = 256;

const EVALUATION = 'evaluation';

/** Runs training steps on a GPU device: many per submit, without the host in between. */
export class GpuEngine implements Engine {
  readonly maxStepsPerRun = STEPS_PER_RUN;
  readonly #spec: TrainingSpec;
  readonly #keys: Map<DataSource['fields'][number]['array'], string>;
  #executable!: Executable;
  #evaluation: { executable: Executable; data: DataSource } | undefined;
  #step = 0;
  #origin = 0;

  private constructor(
    readonly store: GpuStore,
    spec: TrainingSpec,
  ) {
    this.#spec = spec;
    this.#keys = new Map(residentArrays([spec.data, ...(spec.data.heldOut ? [spec.data.heldOut] : [])]));
  }

  /** Compiles the training plan and uploads data and parameters. */
  static async create(
    device: Device,
    spec: TrainingSpec,
    parameters: NamedArrays,
  ): Promise<GpuEngine> {
    const engine = new GpuEngine(new GpuStore(device), spec);
    try {
      await engine.#compile(parameters);
      return engine;
    } catch (error) {
      engine.dispose();
      throw error;
    }
  }

  get step(): number {
    return this.#step;
  }

  run(count: number): void {
    this.#executable.run({ repeats: count });
    this.#step += count;
  }

  async records(first: number, end: number): Promise<StepRecord[]> {
    const bytes = await this.store.read(trainingKeys.history);
    return decodeHistory(bytes, { first, end, origin: this.#origin });
  }

  async runDetailed(): Promise<StepDetails> {
    this.run(1);
    const [record] = await this.records(this.#step - 1, this.#step);
    const gradients = await this.store.readParameters(
      sharedKeys.gradients,
      this.#spec.graph.layout,
    );
    return { record: record as StepRecord, gradients };
  }

  async findNonFinite(): Promise<NonFiniteFinding | undefined> {
    const { graph } = this.#spec;
    const plan = schedule(
      {
        name: 'find non-finite',
        parameters: graph.layout,
        outputs: new Map([['loss', graph.loss]]),
        gradients: graph.gradients,
        before: (lowering) => this.#gather(lowering, graph, this.#spec.data, ''),
      },
      { ...this.#scheduleOptions(), keepsAll: true },
    );
    using executable = await this.store.device.compile(plan, this.store.buffers);
    executable.run();
    const parameters = await this.store.readParameters(sharedKeys.parameters, graph.layout);
    for (const [name, values] of parameters) {
      const shape = graph.layout.slots.get(name)?.parameter.shape ?? [];
      const finding = findIn(name, values, shape);
      if (finding) return finding;
    }
    for (const [name, { shape, dtype }] of plan.tensors) {
      if (dtype !== 'f32' || name.endsWith('recurrence:2')) continue;
      const finding = findIn(name, await executable.read(name), shape);
      if (finding) return finding;
    }
    return undefined;
  }

  async evaluate(data: DataSource, batches: number): Promise<number> {
    const executable = await this.#compileEvaluation(data);
    const key = `${EVALUATION}/${trainingKeys.state}`;
    this.store.write(key, encodeTrainingState({ seed: this.#spec.seed, step: 0 }));
    for (const name of this.#spec.graph.traced.states.keys()) {
      const buffer = this.store.buffers.get(evaluationState(name));
      if (buffer) this.store.write(evaluationState(name), new Uint8Array(buffer.size));
    }
    let sum = 0;
    for (let first = 0; first < batches; ) {
      const count = Math.min(batches - first, STEPS_PER_RUN);
      executable.run({ repeats: count });
      first += count;
      const bytes = await this.store.read(`${EVALUATION}/${trainingKeys.history}`);
      for (const { loss } of decodeHistory(bytes, { first: first - count, end: first, origin: 0 })) {
        sum += loss;
      }
    }
    return sum / batches;
  }

  setLearningRateScale(scale: number): void {
    this.store.write(trainingKeys.state, new Float32Array([scale]), learningRateScaleOffsetBytes);
  }

  async exportState(): Promise<EngineState> {
    const { graph, optimizer } = this.#spec;
    const parameters = await this.store.readParameters(sharedKeys.parameters, graph.layout);
    const moments = new Map<string, NamedArrays>();
    for (const name of optimizer.moments) {
      moments.set(name, await this.store.readParameters(trainingKeys.moment(name), graph.layout));
    }
    const states: NamedArrays = new Map();
    for (const [name, { initial }] of graph.traced.states) {
      const bytes = await this.store.read(sharedKeys.state(name), 4 * initial.size);
      states.set(name, new Float32Array(bytes.buffer));
    }
    const now = decodeTrainingState(await this.store.read(trainingKeys.state));
    return {
      parameters,
      moments,
      states,
      step: now.step,
      learningRateScale: now.learningRateScale,
    };
  }

  importState(state: EngineState): void {
    const { graph, optimizer, seed } = this.#spec;
    this.store.write(sharedKeys.parameters, flattenParameters(graph.layout, state.parameters));
    for (const name of optimizer.moments) {
      const values = state.moments.get(name) ?? new Map();
      this.store.write(trainingKeys.moment(name), flattenParameters(graph.layout, values));
    }
    for (const [name, values] of state.states) {
      this.store.write(sharedKeys.state(name), Float32Array.from(values));
    }
    this.#step = state.step;
    this.#origin = state.step;
    const { step, learningRateScale } = state;
    this.store.write(trainingKeys.state, encodeTrainingState({ seed, step, learningRateScale }));
  }

  get choices(): readonly string[] {
    return this.#executable.plan.decisions.map(({ node, choice }) => `${node}: ${choice}`);
  }

  explain(): string {
    return explainPlan(this.#executable.plan);
  }

  /** Plan and replay of a training step, for measuring. */
  get executable(): Executable {
    return this.#executable;
  }

  dispose(): void {
    this.#evaluation?.executable.dispose();
    this.#executable?.dispose();
    this.store.dispose();
  }

  #scheduleOptions() {
    const { strategy } = this.#spec;
    return { limits: planLimits(this.store.device), ...(strategy && { strategy }) };
  }

  async #compile(parameters: NamedArrays): Promise<void> {
    const { graph, data, optimizer, schedule: rate, clipping, seed } = this.#spec;
    const program = {
      name: 'train',
      parameters: graph.layout,
      outputs: new Map([['loss', graph.loss]]),
      gradients: graph.gradients,
      alsoComputed: finalStates(graph),
      before: (lowering: Lowering) => this.#gather(lowering, graph, data, ''),
      after: (lowering: Lowering) => {
        const state = trainingState(lowering);
        const flatBytes = 4 * graph.layout.totalFloats;
        const gradients = lowering.shared(sharedKeys.gradients, flatBytes);
        lowerFinishStep(lowering, {
          loss: lowering.view(graph.loss),
          parts: lowerGradientNorm(lowering, gradients, 'gradient-norm'),
          schedule: rate,
          learningRate: optimizer.learningRate,
          clipping,
          history: lowering.shared(trainingKeys.history, HISTORY_STEPS * stepRecordBytes),
          state,
          label: 'finish-step',
        });
        optimizer.lower(lowering, {
          parameters: lowering.shared(sharedKeys.parameters, flatBytes),
          gradients,
          moments: optimizer.moments.map((name) =>
            lowering.shared(trainingKeys.moment(name), flatBytes),
          ),
          state,
          clipping,
          label: `optimizer/${optimizer.name}`,
        });
        this.#carry(lowering, graph, data, '');
      },
    };
    const plan = schedule(program, this.#scheduleOptions());
    this.#createDataBuffers(data);
    const content = flattenParameters(graph.layout, parameters);
    this.store.create(sharedKeys.parameters, content.byteLength, new Uint8Array(content.buffer));
    const initial = encodeTrainingState({ seed, step: 0 });
    this.store.create(trainingKeys.state, trainingStateBytes, initial);
    this.store.provide(plan);
    this.#executable = await this.store.device.compile(plan, this.store.buffers);
  }

  #createDataBuffers(data: DataSource): void {
    for (const { array } of data.fields) {
      const key = this.#keys.get(array) ?? `data/${this.#keys.size}`;
      this.#keys.set(array, key);
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      this.store.create(key, array.byteLength, bytes);
    }
  }

  /** Launches that put this step's batch into the model's inputs. */
  #gather(lowering: Lowering, { traced }: LossGraph, data: DataSource, prefix: string): void {
    const state = lowering.shared(`${prefix}${trainingKeys.state}`, trainingStateBytes);
    for (const field of data.fields) {
      const tensor = traced.inputs[field.name];
      if (!tensor || !lowering.isUsed(tensor)) continue;
      lowerGatherBatch(lowering, {
        field,
        batchCount: data.batchCount,
        key: this.#keys.get(field.array) as string,
        target: lowering.view(tensor),
        state,
        label: `gather/${field.name}`,
      });
    }
  }

  /** Launches that keep the recurrent states for the next step. */
  #carry(lowering: Lowering, { traced }: LossGraph, data: DataSource, prefix: string): void {
    for (const [name, { initial, final }] of traced.states) {
      if (!final) continue;
      lowerCarryState(lowering, {
        finalState: lowering.view(final),
        persistent: lowering.view(initial),
        elements: initial.size,
        batchCount: data.batchCount,
        resetsState: data.resetsState,
        state: lowering.shared(`${prefix}${trainingKeys.state}`, trainingStateBytes),
        label: `carry/${name}`,
      });
    }
  }

  async #compileEvaluation(data: DataSource): Promise<Executable> {
    if (this.#evaluation?.data === data) return this.#evaluation.executable;
    this.#evaluation?.executable.dispose();
    this.#evaluation = undefined;
    const { model, loss, graph, schedule: rate, stateful } = this.#spec;
    const evaluated = buildLossGraph(model, data, loss, 'inference', stateful);
    const prefix = `${EVALUATION}/`;
    const plan = schedule(
      {
        name: EVALUATION,
        parameters: graph.layout,
        outputs: new Map([['loss', evaluated.loss]]),
        alsoComputed: finalStates(evaluated),
        before: (lowering) => this.#gather(lowering, evaluated, data, prefix),
        after: (lowering) => {
          lowerFinishStep(lowering, {
            loss: lowering.view(evaluated.loss),
            schedule: rate,
            learningRate: 0,
            clipping: {},
            history: lowering.shared(
              `${prefix}${trainingKeys.history}`,
              HISTORY_STEPS * stepRecordBytes,
            ),
            state: lowering.shared(`${prefix}${trainingKeys.state}`, trainingStateBytes),
            label: 'finish-step',
          });
          this.#carry(lowering, evaluated, data, prefix);
        },
      },
      { ...this.#scheduleOptions(), packsOnce: true, statePrefix: prefix },
    );
    this.#createDataBuffers(data);
    this.store.provide(plan);
    const executable = await this.store.device.compile(plan, this.store.buffers);
    this.#evaluation = { executable, data };
    return executable;
  }
}

function finalStates({ traced }: LossGraph): SymbolicTensor[] {
  return [...traced.states.values()].flatMap(({ final }) => final ?? []);
}

/** Shared key of a state that evaluation carries, apart from training's own. */
function evaluationState(name: string): string {
  return `${EVALUATION}/${sharedKeys.state(name)}`;
}

function findIn(
  tensor: string,
  values: ArrayLike<number>,
  shape: readonly number[],
): NonFiniteFinding | undefined {
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    if (Number.isFinite(value)) continue;
    const index: number[] = [];
    let rest = at;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = shape[axis] as number;
      index.unshift(rest % extent);
      rest = Math.floor(rest / extent);
    }
    return { tensor, index, value };
  }
  return undefined;
}
