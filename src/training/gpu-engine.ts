import type { Device } from '../device/device.ts';
import type { Executable } from '../device/executable.ts';
import { explainPlan } from '../schedule/explain.ts';
import type { Plan } from '../schedule/plan.ts';
import { type ScheduleOptions, sharedKeys } from '../schedule/program.ts';
import { schedule } from '../schedule/schedule.ts';
import type { DataSource } from './data.ts';
import type {
  Engine,
  EngineState,
  NamedArrays,
  NonFiniteFinding,
  StepDetails,
  TrainingSpec,
} from './engine.ts';
import { GpuEvaluator } from './gpu-evaluator.ts';
import { GpuStore } from './gpu-store.ts';
import {
  decodeLossScale,
  encodeLossScale,
  type LossScaleState,
  lossScaleBytes,
  lossScaleKey,
} from './loss-scale.ts';
import { findNonFinite } from './non-finite.ts';
import { planOptions } from './plan-limits.ts';
import { ResidentData } from './resident-data.ts';
import { flattenParameters } from './run-graph.ts';
import { runRecorded } from './run-recorded.ts';
import {
  decodeTrainingState,
  encodeTrainingState,
  learningRateScaleOffsetBytes,
  type StepRecord,
  trainingKeys,
  trainingStateBytes,
} from './step-state.ts';
import { trainingProgram } from './training-program.ts';

/** Most steps in one submit; two submits and a detailed step must fit in the history. */
const STEPS_PER_RUN = 256;

interface EngineOptions {
  readonly headStart?: boolean;
  readonly onPlan?: ((plan: Plan) => void) | undefined;
}

/** Runs training steps on a GPU device: many per submit, without the host in between. */
export class GpuEngine implements Engine {
  readonly maxStepsPerRun = STEPS_PER_RUN;
  readonly #spec: TrainingSpec;
  readonly #resident: ResidentData;
  readonly #evaluator: GpuEvaluator;
  #executable!: Executable;
  #step = 0;
  #origin = 0;

  private constructor(
    readonly store: GpuStore,
    spec: TrainingSpec,
  ) {
    this.#spec = spec;
    this.#resident = new ResidentData(store);
    this.#evaluator = new GpuEvaluator(store, this.#resident, spec);
  }

  /**
   * Compiles the training plan and uploads data and parameters.
   *
   * @param draw - the first parameters: called while the device builds pipelines, as large models take a while.
   * @param options - `headStart`: begin with the first step while pipelines are being built, which is in vain if
   *   anything is written or read before it runs. Default true. `onPlan` is called once the device builds the
   *   plan's pipelines.
   */
  static async create(
    device: Device,
    spec: TrainingSpec,
    draw: () => NamedArrays,
    options: EngineOptions = {},
  ): Promise<GpuEngine> {
    const engine = new GpuEngine(new GpuStore(device, spec.tuning), spec);
    try {
      await engine.#compile(draw, options);
      return engine;
    } catch (error) {
      engine.dispose();
      throw error;
    }
  }

  get step(): number {
    return this.#step;
  }

  run(count: number): Promise<StepRecord[]> {
    const first = this.#step;
    const range = { first, end: first + count, origin: this.#origin };
    const history = this.store.buffer(trainingKeys.history);
    const records = runRecorded(this.#executable, history, range);
    this.store.parametersVersion += 1;
    this.#step += count;
    return records;
  }

  async runDetailed(): Promise<StepDetails> {
    const factor = (await this.#readLossScale())?.factor ?? 1;
    const [record] = await this.run(1);
    const gradients = await this.store.readParameters(
      sharedKeys.gradients,
      this.#spec.graph.layout,
    );
    if (factor !== 1) {
      for (const values of gradients.values()) {
        for (const [at, value] of values.entries()) values[at] = value / factor;
      }
    }
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
        before: (lowering) => this.#resident.gather(lowering, graph, this.#spec.data, ''),
      },
      { ...this.#scheduleOptions(), keepsAll: true },
    );
    using executable = await this.store.device.compile(plan, this.store.buffers);
    executable.run();
    const parameters = await this.store.readParameters(sharedKeys.parameters, graph.layout);
    for (const [name, values] of parameters) {
      const shape = graph.layout.slots.get(name)?.parameter.shape ?? [];
      const finding = findNonFinite(name, values, shape);
      if (finding) return finding;
    }
    // The plan's output comes first in it; where it was computed it stands once more, by its own label.
    const tensors = [...plan.tensors].sort(
      ([a], [b]) => Number(a === 'loss') - Number(b === 'loss'),
    );
    for (const [name, { shape, dtype }] of tensors) {
      if (dtype === 'i32') continue;
      const finding = findNonFinite(name, await executable.read(name), shape);
      if (finding) return finding;
    }
    return undefined;
  }

  evaluate(data: DataSource, batches: number): Promise<number> {
    return this.#evaluator.evaluate(data, batches);
  }

  setLearningRateScale(scale: number): void {
    this.store.write(trainingKeys.state, new Float32Array([scale]), learningRateScaleOffsetBytes);
  }

  async exportState(): Promise<EngineState> {
    const { graph, optimizer } = this.#spec;
    const { store } = this;
    // All copies are submitted before the first is awaited: no step can come between them.
    const [parameters, moments, states, state, lossScale] = await Promise.all([
      store.readParameters(sharedKeys.parameters, graph.layout),
      readAll(optimizer.moments, (name) =>
        store.readParameters(trainingKeys.moment(name), graph.layout),
      ),
      readAll(graph.traced.states.keys(), async (name) => {
        const { buffer } = await store.read(sharedKeys.state(name));
        return new Float32Array(buffer, 0, graph.traced.states.get(name)?.initial.size);
      }),
      store.read(trainingKeys.state),
      this.#readLossScale(),
    ]);
    const { step, learningRateScale, skippedSteps } = decodeTrainingState(state);
    return {
      ...{ parameters, moments, states, step, learningRateScale },
      ...(skippedSteps > 0 && { skippedSteps }),
      ...(lossScale && { lossScale }),
    };
  }

  importState(state: EngineState): void {
    const { graph, optimizer, seed } = this.#spec;
    this.store.write(sharedKeys.parameters, flattenParameters(graph.layout, state.parameters));
    this.store.parametersVersion += 1;
    for (const name of optimizer.moments) {
      const values = state.moments.get(name) ?? new Map();
      this.store.write(trainingKeys.moment(name), flattenParameters(graph.layout, values));
    }
    for (const [name, values] of state.states) {
      this.store.write(sharedKeys.state(name), Float32Array.from(values));
    }
    this.#step = state.step;
    this.#origin = state.step;
    const { step, learningRateScale, skippedSteps = 0, lossScale } = state;
    this.store.write(
      trainingKeys.state,
      encodeTrainingState({ seed, step, learningRateScale, skippedSteps }),
    );
    if (this.#spec.lossScaling && lossScale) {
      this.store.write(lossScaleKey, encodeLossScale(lossScale));
    }
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
    this.#evaluator.dispose();
    this.#executable?.dispose();
    this.store.dispose();
  }

  #scheduleOptions(): ScheduleOptions {
    const { strategy, precision } = this.#spec;
    return { ...planOptions(this.store), precision, ...(strategy && { strategy }) };
  }

  async #readLossScale(): Promise<LossScaleState | undefined> {
    if (!this.#spec.lossScaling) return undefined;
    return decodeLossScale(await this.store.read(lossScaleKey));
  }

  async #compile(
    draw: () => NamedArrays,
    { headStart = true, onPlan }: EngineOptions,
  ): Promise<void> {
    const { graph, data, seed, lossScaling } = this.#spec;
    const program = trainingProgram(this.#spec, this.#resident);
    const plan = schedule(program, this.#scheduleOptions());
    this.#resident.upload(data);
    const initial = encodeTrainingState({ seed, step: 0 });
    this.store.create(trainingKeys.state, trainingStateBytes, initial);
    if (lossScaling) {
      const content = encodeLossScale({ factor: lossScaling.initial, goodSteps: 0 });
      this.store.create(lossScaleKey, lossScaleBytes, content);
    }
    this.store.provide(plan);
    const compiling = this.store.device.compile(plan, this.store.buffers, { headStart });
    try {
      this.store.write(sharedKeys.parameters, flattenParameters(graph.layout, draw()));
      onPlan?.(plan);
    } finally {
      this.#executable = await compiling;
    }
  }
}

/** Starts all reads at once. Returns their results by name. */
async function readAll<T>(
  names: Iterable<string>,
  read: (name: string) => Promise<T>,
): Promise<Map<string, T>> {
  return new Map(
    await Promise.all(
      [...names].map(async (name): Promise<[string, T]> => [name, await read(name)]),
    ),
  );
}
