import type { Lowering } from '../graph/operator.ts';
import type { DataSource } from './data.ts';
import type { GpuStore } from './gpu-store.ts';
import { lowerCarryState, lowerGatherBatches } from './step.ts';
import { trainingKeys, trainingStateBytes } from './step-state.ts';
import type { LossGraph } from './training-graph.ts';

/** Data that lies on the GPU as a whole: each array once, whoever reads it. */
export class ResidentData {
  readonly #keys = new Map<Int32Array | Float32Array, string>();

  constructor(private readonly store: GpuStore) {}

  /** Uploads the arrays of a data source that are not there yet. */
  upload(data: DataSource): void {
    for (const { array } of data.fields) {
      const key = this.#keyOf(array);
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      this.store.create(key, array.byteLength, bytes);
    }
  }

  /** Launches that put this step's batch into the model's inputs. */
  gather(lowering: Lowering, { traced }: LossGraph, data: DataSource, prefix: string): void {
    const fields = data.fields.flatMap((field) => {
      const tensor = traced.inputs[field.name];
      if (!tensor || !lowering.isUsed(tensor)) return [];
      return [{ field, key: this.#keyOf(field.array), target: lowering.view(tensor) }];
    });
    const state = lowering.shared(`${prefix}${trainingKeys.state}`, trainingStateBytes);
    lowerGatherBatches(lowering, { fields, batchCount: data.batchCount, state });
  }

  /** Launches that keep the recurrent states for the next step. */
  carry(lowering: Lowering, { traced }: LossGraph, data: DataSource, prefix: string): void {
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

  #keyOf(array: Int32Array | Float32Array): string {
    const key = this.#keys.get(array) ?? `data/${this.#keys.size}`;
    this.#keys.set(array, key);
    return key;
  }
}
