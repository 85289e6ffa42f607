import type { Executable } from '../device/executable.ts';
import { type Program, sharedKeys } from '../schedule/program.ts';
import { schedule } from '../schedule/schedule.ts';
import type { DataSource } from './data.ts';
import type { TrainingSpec } from './engine.ts';
import type { GpuStore } from './gpu-store.ts';
import { planOptions } from './plan-limits.ts';
import type { ResidentData } from './resident-data.ts';
import { runRecorded } from './run-recorded.ts';
import { lowerFinishStep } from './step.ts';
import {
  encodeTrainingState,
  stepRecordBytes,
  trainingKeys,
  trainingStateBytes,
} from './step-state.ts';
import { buildLossGraph, finalStates, type LossGraph } from './training-graph.ts';

/** Batches per submit; their losses wait in a history of this many records. */
const BATCHES_PER_RUN = 64;

/** Keeps evaluation's position, losses and carried states apart from training's. */
const PREFIX = 'evaluation/';
const POSITION = `${PREFIX}${trainingKeys.state}`;
const HISTORY = `${PREFIX}${trainingKeys.history}`;

/** Measures the loss on data with the weights that training has reached. */
export class GpuEvaluator {
  #compiled: { executable: Executable; data: DataSource; states: readonly string[] } | undefined;

  constructor(
    private readonly store: GpuStore,
    private readonly resident: ResidentData,
    private readonly spec: TrainingSpec,
  ) {}

  /** Mean loss over the first batches, states starting at zero. */
  async evaluate(data: DataSource, batches: number): Promise<number> {
    const { executable, states } = await this.#compile(data);
    this.store.write(POSITION, encodeTrainingState({ seed: this.spec.seed, step: 0 }));
    for (const key of states) this.store.clear(key);
    let sum = 0;
    for (let first = 0; first < batches; first += BATCHES_PER_RUN) {
      const end = Math.min(batches, first + BATCHES_PER_RUN);
      const range = { first, end, origin: 0 };
      const version = this.store.parametersVersion;
      const history = this.store.buffer(HISTORY);
      for (const { loss } of await runRecorded(executable, history, range, { version })) {
        sum += loss;
      }
    }
    return sum / batches;
  }

  dispose(): void {
    this.#compiled?.executable.dispose();
    // Other data may have another batch size.
    for (const key of this.#compiled?.states ?? []) this.store.remove(key);
    this.#compiled = undefined;
  }

  async #compile(data: DataSource) {
    if (this.#compiled?.data === data) return this.#compiled;
    this.dispose();
    const { model, loss, stateful, strategy, precision } = this.spec;
    const evaluated = buildLossGraph(model, data, loss, 'inference', stateful);
    const plan = schedule(evaluationProgram(this.spec, this.resident, evaluated, data), {
      ...planOptions(this.store),
      precision,
      packsOnce: true,
      statePrefix: PREFIX,
      ...(strategy && { strategy }),
    });
    this.resident.upload(data);
    this.store.provide(plan);
    const executable = await this.store.device.compile(plan, this.store.buffers);
    const states = [...evaluated.traced.states.keys()].map(
      (name) => `${PREFIX}${sharedKeys.state(name)}`,
    );
    this.#compiled = { executable, data, states };
    return this.#compiled;
  }
}

/** What the evaluation of one batch computes: batch, loss, states carried on. */
export function evaluationProgram(
  { graph, schedule: rate }: TrainingSpec,
  resident: ResidentData,
  evaluated: LossGraph,
  data: DataSource,
): Program {
  return {
    name: 'evaluation',
    parameters: graph.layout,
    outputs: new Map([['loss', evaluated.loss]]),
    alsoComputed: finalStates(evaluated),
    before: (lowering) => resident.gather(lowering, evaluated, data, PREFIX),
    after: (lowering) => {
      lowerFinishStep(lowering, {
        loss: lowering.view(evaluated.loss),
        schedule: rate,
        learningRate: 0,
        clipping: {},
        history: lowering.shared(HISTORY, BATCHES_PER_RUN * stepRecordBytes),
        state: lowering.shared(POSITION, trainingStateBytes),
        label: 'finish-step',
      });
      resident.carry(lowering, evaluated, data, PREFIX);
    },
  };
}
