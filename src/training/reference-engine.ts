import type { Values } from '../graph/operator.ts';
import { evaluateGraph } from '../reference/interpreter.ts';
import { clipGradients } from './clipping.ts';
import { type DataSource, gatherBatch } from './data.ts';
import type {
  Engine,
  EngineState,
  NamedArrays,
  NonFiniteFinding,
  StepDetails,
  TrainingSpec,
} from './engine.ts';
import { lossScaleName } from './loss-scale.ts';
import { findNonFinite } from './non-finite.ts';
import { learningRateAt } from './schedules.ts';
import type { StepRecord } from './step-state.ts';
import { buildLossGraph, finalStates, type LossGraph } from './training-graph.ts';

/** Runs training steps in float64 on the CPU: slow, obvious, and what the devices are held against. */
export class ReferenceEngine implements Engine {
  readonly maxStepsPerRun = 1;
  readonly choices: readonly string[] = [];
  readonly #spec: TrainingSpec;
  #parameters: Map<string, Float64Array>;
  #moments: Map<string, Map<string, Float64Array>>;
  #states: Map<string, Float64Array>;
  #scale = 1;
  #step = 0;
  #skipped = 0;
  #failure: NonFiniteFinding | undefined;

  constructor(spec: TrainingSpec, parameters: NamedArrays) {
    this.#spec = spec;
    this.#parameters = widen(parameters);
    this.#moments = new Map(
      spec.optimizer.moments.map((name) => [
        name,
        new Map([...parameters].map(([key, { length }]) => [key, new Float64Array(length)])),
      ]),
    );
    this.#states = emptyStates(spec.graph);
  }

  /** The weights as they are now. */
  get parameters(): NamedArrays {
    return this.#parameters;
  }

  get step(): number {
    return this.#step;
  }

  async run(count: number): Promise<StepRecord[]> {
    const records: StepRecord[] = [];
    while (records.length < count && !this.#failure) records.push(this.#runStep().record);
    await giveWay();
    return records;
  }

  async runDetailed(): Promise<StepDetails> {
    const details = this.#runStep();
    await giveWay();
    return details;
  }

  findNonFinite(): Promise<NonFiniteFinding | undefined> {
    return Promise.resolve(this.#failure);
  }

  evaluate(data: DataSource, batches: number): Promise<number> {
    const { model, loss, seed, stateful } = this.#spec;
    const graph = buildLossGraph(model, data, loss, 'inference', stateful);
    let states: Map<string, Float64Array> = emptyStates(graph);
    let sum = 0;
    for (let batch = 0; batch < batches; batch++) {
      const values = evaluateGraph(rootsOf(graph), {
        inputs: gatherBatch(data, batch),
        parameters: this.#parameters,
        states,
        seed,
      });
      sum += values.get(graph.loss)?.[0] as number;
      states = carryStates(graph, values, data, batch);
    }
    return Promise.resolve(sum / batches);
  }

  setLearningRateScale(scale: number): void {
    this.#scale = scale;
  }

  exportState(): Promise<EngineState> {
    return Promise.resolve({
      parameters: copyArrays(this.#parameters),
      moments: new Map([...this.#moments].map(([name, values]) => [name, copyArrays(values)])),
      states: copyArrays(this.#states),
      step: this.#failure ? this.#step - 1 : this.#step,
      learningRateScale: this.#scale,
      ...(this.#skipped > 0 && { skippedSteps: this.#skipped }),
    });
  }

  importState(state: EngineState): void {
    this.#parameters = widen(state.parameters);
    this.#moments = new Map([...state.moments].map(([name, values]) => [name, widen(values)]));
    this.#states = state.states.size > 0 ? widen(state.states) : emptyStates(this.#spec.graph);
    this.#step = state.step;
    this.#scale = state.learningRateScale;
    this.#skipped = state.skippedSteps ?? 0;
    this.#failure = undefined;
  }

  explain(): string {
    return 'reference: the graph is interpreted in float64 on the CPU, node by node';
  }

  dispose(): void {
    // Nothing is held outside of JavaScript's memory.
  }

  #runStep(): StepDetails {
    const { graph, data, optimizer, schedule, clipping, seed } = this.#spec;
    const step = this.#step;
    const values = evaluateGraph([...rootsOf(graph), ...graph.gradients.values()], {
      inputs: gatherBatch(data, step),
      parameters: this.#parameters,
      // Float64 gradients need no scaling.
      states: new Map<string, Values>(this.#states).set(lossScaleName, Float64Array.of(1)),
      seed,
      step,
    });
    const loss = values.get(graph.loss)?.[0] as number;
    const gradients = new Map<string, Float64Array>();
    for (const [name, tensor] of graph.gradients) {
      gradients.set(name, Float64Array.from(values.get(tensor) as Values));
    }
    const unclipped = copyArrays(gradients);
    const gradientNorm = clipGradients([...gradients.values()], clipping);
    const learningRate = learningRateAt(schedule, optimizer.learningRate, step) * this.#scale;
    const lossIsFinite = Number.isFinite(loss);
    const gradientsAreFinite = Number.isFinite(gradientNorm);
    const numbers = { step, loss, gradientNorm, learningRate };
    const record = { ...numbers, lossIsFinite, gradientsAreFinite, skipped: false };
    this.#step += 1;
    if (!lossIsFinite || !gradientsAreFinite) {
      this.#failure = findFirst(values);
      return { record, gradients: unclipped };
    }
    for (const [name, gradient] of gradients) {
      const parameter = this.#parameters.get(name) as Float64Array;
      const moments = optimizer.moments.map(
        (moment) => this.#moments.get(moment)?.get(name) as Float64Array,
      );
      optimizer.update(parameter, gradient, moments, {
        step: step + 1 - this.#skipped,
        learningRate,
        parameter: name,
      });
    }
    this.#states = carryStates(graph, values, data, step);
    return { record, gradients: unclipped };
  }
}

/**
 * Steps run synchronously: lets timers, signals and pages have their turn in between. In Node a timer that is due
 * again at once would never let signals through.
 */
function giveWay(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve);
  });
}

function rootsOf(graph: LossGraph) {
  return [graph.loss, ...finalStates(graph)];
}

function emptyStates({ traced }: LossGraph): Map<string, Float64Array> {
  return new Map(
    [...traced.states].map(([name, { initial }]) => [name, new Float64Array(initial.size)]),
  );
}

/** The states that the step after `step` starts from. */
function carryStates(
  { traced }: LossGraph,
  values: ReturnType<typeof evaluateGraph>,
  { batchCount, resetsState }: DataSource,
  step: number,
): Map<string, Float64Array> {
  const starts = resetsState && (step + 1) % batchCount === 0;
  const states = new Map<string, Float64Array>();
  for (const [name, { initial, final }] of traced.states) {
    const value = final && !starts ? values.get(final) : undefined;
    states.set(name, value ? Float64Array.from(value) : new Float64Array(initial.size));
  }
  return states;
}

function widen(arrays: NamedArrays): Map<string, Float64Array> {
  return new Map([...arrays].map(([name, values]) => [name, Float64Array.from(values)]));
}

function copyArrays(arrays: ReadonlyMap<string, Float64Array>): Map<string, Float64Array> {
  return new Map([...arrays].map(([name, values]) => [name, values.slice()]));
}

function findFirst(values: ReturnType<typeof evaluateGraph>): NonFiniteFinding | undefined {
  for (const [{ label, shape }, data] of values) {
    const finding = findNonFinite(label, data, shape);
    if (finding) return finding;
  }
  return undefined;
}
