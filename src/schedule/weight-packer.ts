import { halfBytes } from '../float16.ts';
import type { Lowering, PackedLayout, PlanLimits, Storage, View } from '../graph/operator.ts';
import { parameterOf } from '../graph/sources.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { packMatrices } from '../kernels/generated/pack-matrices.ts';
import { defineLaunch, type TypedLaunch } from '../kernels/launch.ts';
import { packStruct, type StructValues } from '../kernels/pack.ts';
import { isNarrow, splitGrid } from '../ops/grid.ts';
import type { ParameterLayout } from './parameter-layout.ts';
import { sharedKeys } from './program.ts';

const matrixLayout = packMatrices.bindings.matrices.element;

/** `end_group` of a table's last matrix: no workgroup looks behind it. */
const NO_END = 2 ** 32 - 1;

/** An entry of the kernel's table, but for the workgroups that copy it. */
type PackedMatrix = Omit<StructValues<typeof matrixLayout>, 'first_group' | 'end_group'>;

/** Numbers that a workgroup packs: on a narrow adapter reading the table is dear, and few workgroups busy it. */
function groupSizeFor(limits: PlanLimits): number {
  return isNarrow(limits) ? 4096 : 1024;
}

type QuadLayout = Extract<PackedLayout, { blocks: number }>;

function isOfQuads(layout: PackedLayout): layout is QuadLayout {
  return 'blocks' in layout;
}

function describeMatrix(
  [rows, columns]: readonly [number, number],
  layout: PackedLayout,
): Omit<PackedMatrix, 'source_offset' | 'target_offset'> {
  const quadBits = isOfQuads(layout) ? 2 : 0;
  const { blocks, swaps } = isOfQuads(layout) ? layout : { blocks: 1, swaps: false };
  const { tile = rows } = layout;
  const isByRow = layout.kind === 'row-quads' || layout.kind === 'rows';
  const units = { size: rows / blocks, stride: columns };
  const each = { size: columns, stride: 1 };
  const [tiled, lined] = isByRow ? [each, units] : [units, each];
  const quads = Math.ceil(lined.size / 2 ** quadBits);
  return {
    target_size: Math.ceil(tiled.size / tile) * tile * quads * 2 ** quadBits * blocks,
    quad_bits: quadBits,
    tile,
    quads,
    blocks,
    blocks_first: Number(!isByRow),
    tiled_size: tiled.size,
    lined_size: lined.size,
    tiled_stride: tiled.stride,
    lined_stride: lined.stride,
    block_stride: units.size * columns,
    swaps: swaps ? 3 : 0,
  };
}

/**
 * Where the numbers of a packed matrix are in the matrix itself: words between neighbours along the indices
 * of the kernels' nested arrays. What packing fills with zeros is some other number then; kernels multiply it
 * by zero, or leave out what they computed with it.
 */
function stridesOf(
  [rows, columns]: readonly [number, number],
  { kind, blocks, tile, lanes }: QuadLayout,
): readonly number[] {
  const block = (rows / blocks) * columns;
  // [tile][quad of columns][block][unit / lanes][unit % lanes], four columns
  if (kind === 'column-quads') return [tile * columns, 4, block, lanes * columns, columns, 1];
  // [tile of columns][block][quad of units][column / lanes][column % lanes], four units
  return [tile, block, 4 * columns, lanes, 1, columns];
}

/**
 * Keeps copies of the weights in the layouts that kernels read. The copies of all parameters lie in one
 * buffer and are made by one launch, however many there are. They are f16 where the plan stores f16.
 */
export class WeightPacker {
  /** Views of what has been packed, by layout: first matrix, then the ones behind it. */
  readonly #packed: { matrices: readonly SymbolicTensor[]; key: string; view: View }[] = [];
  readonly #matrices: PackedMatrix[] = [];
  readonly #storage: { label: string; bytes: number };
  #numbers = 0;

  constructor(
    private readonly lowering: Lowering & {
      readonly name: string;
      readonly parameters: ParameterLayout;
    },
  ) {
    this.#storage = { label: `${lowering.name}/packed weights`, bytes: 0 };
  }

  /** The place of copies of matrices of one shape; for anything but parameters they are made on the spot. */
  packed(matrices: readonly SymbolicTensor[], layout: PackedLayout): View {
    const key = JSON.stringify(layout);
    const known = this.#packed.find(
      (entry) =>
        entry.key === key &&
        entry.matrices.length === matrices.length &&
        entry.matrices.every((matrix, index) => matrix === matrices[index]),
    );
    if (known) return known.view;
    const view = this.#pack(matrices, layout);
    this.#packed.push({ matrices, key, view });
    return view;
  }

  #pack(matrices: readonly SymbolicTensor[], layout: PackedLayout): View {
    const [first] = matrices as [SymbolicTensor];
    const shape = first.shape as [number, number];
    const described = describeMatrix(shape, layout);
    const floats = described.target_size * matrices.length;
    const slots = matrices.map(({ node }) => {
      const parameter = parameterOf(node);
      return parameter && this.lowering.parameters.slots.get(parameter.name);
    });
    const [slot] = slots;
    const isStrided = isOfQuads(layout) && !layout.swaps && matrices.length === 1;
    if (slot && isStrided && this.lowering.limits.residentLanes !== undefined) {
      const { parameters } = this.lowering;
      const flat = this.lowering.shared(sharedKeys.parameters, 4 * parameters.totalFloats);
      const place = { offsetBytes: 4 * slot.offsetFloats, bytes: 4 * slot.size };
      return { storage: flat.storage, ...place, strides: stridesOf(shape, layout) };
    }
    const begin = this.#numbers;
    const isHalf = this.lowering.precision === 'f16';
    if (slots.every((each) => each !== undefined)) {
      for (const [index, { offsetFloats }] of slots.entries()) {
        const target_offset = begin + index * described.target_size;
        this.#matrices.push({ ...described, source_offset: offsetFloats, target_offset });
      }
      const aligned = 256 / (isHalf ? 2 : 4);
      this.#numbers += Math.ceil(floats / aligned) * aligned;
      this.#storage.bytes = this.#bytesOf(this.#numbers);
      const place = { offsetBytes: this.#bytesOf(begin), bytes: this.#bytesOf(floats) };
      return { storage: this.#storage as Storage, ...place, ...(isHalf && { isHalf }) };
    }
    const scratch = this.lowering.scratch(`${first.label}.${layout.kind}`, this.#bytesOf(floats));
    const view = isHalf ? { ...scratch, isHalf } : scratch;
    for (const [index, matrix] of matrices.entries()) {
      const target_offset = index * described.target_size;
      const packed = { ...described, source_offset: 0, target_offset };
      this.lowering.launch(
        this.#defineLaunch(`${matrix.label}.pack`, [packed], this.lowering.view(matrix), view),
      );
    }
    return view;
  }

  #bytesOf(numbers: number): number {
    return this.lowering.precision === 'f16' ? halfBytes(numbers) : 4 * numbers;
  }

  /** The launch that refreshes all copies of parameters, if there are any. */
  finish(): { launch: TypedLaunch<View>; storage: Storage } | undefined {
    if (this.#matrices.length === 0) return undefined;
    const source = this.lowering.shared(
      sharedKeys.parameters,
      4 * this.lowering.parameters.totalFloats,
    );
    const isHalf = this.lowering.precision === 'f16';
    const target = {
      isHalf,
      storage: this.#storage as Storage,
      offsetBytes: 0,
      bytes: this.#storage.bytes,
    };
    return {
      launch: this.#defineLaunch('pack weights', this.#matrices, source, target),
      storage: this.#storage,
    };
  }

  #defineLaunch(
    label: string,
    matrices: readonly PackedMatrix[],
    source: View,
    target: View,
  ): TypedLaunch<View> {
    const groupSize = groupSizeFor(this.lowering.limits);
    const table = new Uint8Array(matrices.length * matrixLayout.sizeBytes);
    let groups = 0;
    let floats = 0;
    for (const [index, matrix] of matrices.entries()) {
      const first_group = groups;
      groups += Math.ceil(matrix.target_size / groupSize);
      const end_group = index + 1 < matrices.length ? groups : NO_END;
      const entry = packStruct(matrixLayout, { ...matrix, first_group, end_group });
      table.set(entry, index * matrixLayout.sizeBytes);
      floats += matrix.target_size;
    }
    return defineLaunch(packMatrices, {
      label,
      constants: {
        group_size: groupSize,
        target_is_half: target.isHalf ?? false,
      },
      bindings: {
        matrices: this.lowering.constant(`${label} table`, table),
        source_matrix: source,
        target_matrix: target,
      },
      workgroups: splitGrid(groups),
      cost: { flops: 0, readBytes: 4 * floats, writtenBytes: this.#bytesOf(floats) },
    });
  }
}
