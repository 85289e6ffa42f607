import type { Lowering, Storage, View } from '../graph/operator.ts';
import { parameterOf } from '../graph/sources.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { transpose } from '../kernels/generated/transpose.ts';
import { defineLaunch, type TypedLaunch } from '../kernels/launch.ts';
import { splitGrid } from '../ops/grid.ts';
import type { ParameterLayout } from './parameter-layout.ts';
import { sharedKeys } from './program.ts';

interface PackedMatrix {
  readonly sourceOffset: number;
  readonly targetOffset: number;
  readonly rows: number;
  readonly columns: number;
}

const WORDS_PER_MATRIX = 8;

/**
 * Keeps transposed copies of the weights that kernels read column by column. The copies of all parameters
 * lie in one buffer and are made by one launch, however many there are.
 */
export class WeightPacker {
  readonly #views = new Map<SymbolicTensor, View>();
  readonly #byParameter = new Map<string, { matrix: PackedMatrix; view: View }>();
  readonly #storage: { label: string; bytes: number };
  #floats = 0;

  constructor(
    private readonly lowering: Lowering & {
      readonly name: string;
      readonly parameters: ParameterLayout;
    },
  ) {
    this.#storage = { label: `${lowering.name}/packed weights`, bytes: 0 };
  }

  /** The place of a matrix's transposed copy; for anything but a parameter it is made on the spot. */
  transposed(tensor: SymbolicTensor): View {
    const [rows, columns] = tensor.shape as [number, number];
    const parameter = parameterOf(tensor.node);
    const slot = parameter && this.lowering.parameters.slots.get(parameter.name);
    if (!slot) {
      const known = this.#views.get(tensor);
      if (known) return known;
      const view = this.lowering.scratch(`${tensor.label}.transposed`, 4 * tensor.size);
      const matrix = { sourceOffset: 0, targetOffset: 0, rows, columns };
      this.lowering.launch(
        this.#defineLaunch(`${tensor.label}.transpose`, [matrix], this.lowering.view(tensor), view),
      );
      this.#views.set(tensor, view);
      return view;
    }
    const known = this.#byParameter.get(slot.parameter.name);
    if (known) return known.view;
    const matrix = {
      sourceOffset: slot.offsetFloats,
      targetOffset: this.#floats,
      rows,
      columns,
    };
    const view = {
      storage: this.#storage as Storage,
      offsetBytes: 4 * this.#floats,
      bytes: 4 * tensor.size,
    };
    this.#byParameter.set(slot.parameter.name, { matrix, view });
    this.#floats += Math.ceil(tensor.size / 64) * 64;
    this.#storage.bytes = 4 * this.#floats;
    return view;
  }

  /** The launch that refreshes all copies of parameters, if there are any. */
  finish(): { launch: TypedLaunch<View>; storage: Storage } | undefined {
    if (this.#byParameter.size === 0) return undefined;
    const source = this.lowering.shared(
      sharedKeys.parameters,
      4 * this.lowering.parameters.totalFloats,
    );
    const target = { storage: this.#storage as Storage, offsetBytes: 0, bytes: 4 * this.#floats };
    const matrices = [...this.#byParameter.values()].map(({ matrix }) => matrix);
    return {
      launch: this.#defineLaunch('pack weights', matrices, source, target),
      storage: this.#storage,
    };
  }

  #defineLaunch(
    label: string,
    matrices: readonly PackedMatrix[],
    source: View,
    target: View,
  ): TypedLaunch<View> {
    const table = new Uint32Array(matrices.length * WORDS_PER_MATRIX);
    let blocks = 0;
    let floats = 0;
    for (const [index, { sourceOffset, targetOffset, rows, columns }] of matrices.entries()) {
      table.set([sourceOffset, targetOffset, rows, columns, blocks], index * WORDS_PER_MATRIX);
      blocks += Math.ceil(rows / 4) * Math.ceil(columns / 4);
      floats += rows * columns;
    }
    return defineLaunch(transpose, {
      label,
      constants: { matrix_count: matrices.length, block_count: blocks },
      bindings: {
        matrices: this.lowering.constant(`${label} table`, new Uint8Array(table.buffer)),
        source_matrix: source,
        target_matrix: target,
      },
      workgroups: splitGrid(Math.ceil(blocks / 64)),
      cost: { flops: 0, readBytes: 4 * floats, writtenBytes: 4 * floats },
    });
  }
}
