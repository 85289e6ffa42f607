import type { Lowering, PackedLayout, Storage, View } from '../graph/operator.ts';
import { parameterOf } from '../graph/sources.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { packMatrices } from '../kernels/generated/pack-matrices.ts';
import { defineLaunch, type TypedLaunch } from '../kernels/launch.ts';
import { splitGrid } from '../ops/grid.ts';
import type { ParameterLayout } from './parameter-layout.ts';
import { sharedKeys } from './program.ts';

/** One entry of the kernel's table: a matrix, or one block of rows of it. */
interface PackedBlock {
  readonly sourceOffset: number;
  readonly targetOffset: number;
  readonly rows: number;
  readonly columns: number;
  readonly layout: number;
}

const WORDS_PER_BLOCK = 8;
const LAYOUTS = { transposed: 0, 'column-quads': 1, 'row-quads': 2 };

function align4(count: number): number {
  return Math.ceil(count / 4) * 4;
}

/** The blocks of a matrix's copy, and its floats. */
function splitBlocks(
  [rows, columns]: readonly [number, number],
  layout: PackedLayout,
  sourceOffset: number,
  targetOffset: number,
): { blocks: PackedBlock[]; floats: number } {
  const count = layout.kind === 'row-quads' ? layout.blocks : 1;
  const blockRows = rows / count;
  const blockFloats = {
    transposed: rows * columns,
    'column-quads': rows * align4(columns),
    'row-quads': align4(blockRows) * columns,
  }[layout.kind];
  const blocks = Array.from({ length: count }, (_, block) => ({
    sourceOffset: sourceOffset + block * blockRows * columns,
    targetOffset: targetOffset + block * blockFloats,
    rows: blockRows,
    columns,
    layout: LAYOUTS[layout.kind],
  }));
  return { blocks, floats: count * blockFloats };
}

/**
 * Keeps copies of the weights in the layouts that kernels read. The copies of all parameters lie in one
 * buffer and are made by one launch, however many there are.
 */
export class WeightPacker {
  readonly #views = new Map<SymbolicTensor, Map<string, View>>();
  readonly #blocks: PackedBlock[] = [];
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

  /** The place of a matrix's copy; for anything but a parameter it is made on the spot. */
  packed(matrix: SymbolicTensor, layout: PackedLayout): View {
    const views = this.#views.get(matrix) ?? new Map<string, View>();
    this.#views.set(matrix, views);
    const key = JSON.stringify(layout);
    const known = views.get(key);
    if (known) return known;
    const view = this.#pack(matrix, layout);
    views.set(key, view);
    return view;
  }

  #pack(matrix: SymbolicTensor, layout: PackedLayout): View {
    const shape = matrix.shape as [number, number];
    const parameter = parameterOf(matrix.node);
    const slot = parameter && this.lowering.parameters.slots.get(parameter.name);
    if (!slot) {
      const { blocks, floats } = splitBlocks(shape, layout, 0, 0);
      const view = this.lowering.scratch(`${matrix.label}.${layout.kind}`, 4 * floats);
      this.lowering.launch(
        this.#defineLaunch(`${matrix.label}.pack`, blocks, this.lowering.view(matrix), view),
      );
      return view;
    }
    const begin = this.#floats;
    const { blocks, floats } = splitBlocks(shape, layout, slot.offsetFloats, begin);
    this.#blocks.push(...blocks);
    this.#floats += Math.ceil(floats / 64) * 64;
    this.#storage.bytes = 4 * this.#floats;
    return { storage: this.#storage as Storage, offsetBytes: 4 * begin, bytes: 4 * floats };
  }

  /** The launch that refreshes all copies of parameters, if there are any. */
  finish(): { launch: TypedLaunch<View>; storage: Storage } | undefined {
    if (this.#blocks.length === 0) return undefined;
    const source = this.lowering.shared(
      sharedKeys.parameters,
      4 * this.lowering.parameters.totalFloats,
    );
    const target = { storage: this.#storage as Storage, offsetBytes: 0, bytes: 4 * this.#floats };
    return {
      launch: this.#defineLaunch('pack weights', this.#blocks, source, target),
      storage: this.#storage,
    };
  }

  #defineLaunch(
    label: string,
    matrices: readonly PackedBlock[],
    source: View,
    target: View,
  ): TypedLaunch<View> {
    const table = new Uint32Array(matrices.length * WORDS_PER_BLOCK);
    let blocks = 0;
    let floats = 0;
    for (const [index, matrix] of matrices.entries()) {
      const { sourceOffset, targetOffset, rows, columns, layout } = matrix;
      table.set(
        [sourceOffset, targetOffset, rows, columns, blocks, layout],
        index * WORDS_PER_BLOCK,
      );
      blocks += Math.ceil(rows / 4) * Math.ceil(columns / 4);
      floats += rows * columns;
    }
    return defineLaunch(packMatrices, {
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
