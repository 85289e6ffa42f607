import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, View } from '../graph/operator.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { copyStrided } from '../kernels/generated/copy-strided.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { splitGrid, threadsFor } from './grid.ts';

/** A copy of a box between two layouts. Offsets and strides are in elements: 4 bytes, or 2 where both ends are f16. */
export interface StridedCopy {
  readonly label: string;
  readonly source: View;
  readonly sourceOffset: number;
  /** One per axis; 0 repeats, negative walks backwards. */
  readonly sourceStrides: readonly number[];
  readonly target: View;
  readonly targetOffset: number;
  readonly targetStrides: readonly number[];
  /** Extents of the box, at most three axes. */
  readonly extents: readonly number[];
  /** Of the last axis but one (the only axis, where there is one): outside it the target gets zeros. */
  readonly window?: { readonly begin: number; readonly end: number };
}

/** Places of the two ends of copies: all f16, or all of 4 bytes. */
export function matchStored(
  lowering: Lowering,
  sources: readonly SymbolicTensor[],
  target: SymbolicTensor,
): { readonly sources: readonly View[]; readonly target: View } {
  const stored = sources.map((tensor) => lowering.stored(tensor));
  const areHalf = stored.every(({ isHalf }) => isHalf);
  const view = areHalf ? lowering.storedOutput(target) : lowering.output(target);
  if (view.isHalf) return { sources: stored, target: view };
  return { sources: sources.map((tensor) => lowering.view(tensor)), target: view };
}

type Triple = [number, number, number];

/** Three numbers with the second to last axis in the middle. */
function toTriple(values: readonly number[], missing: number): Triple {
  const [a = missing, b = missing, c = missing] = values;
  if (values.length === 1) return [missing, a, missing];
  return values.length === 2 ? [missing, a, b] : [a, b, c];
}

/** Emits a copy: one launch, or two through scratch memory where both ends lie in one buffer. */
export function launchStridedCopy(lowering: Lowering, copy: StridedCopy): void {
  const extents = toTriple(copy.extents, 1);
  const count = extents[0] * extents[1] * extents[2];
  const bytes = numberBytes(copy.source);
  if (bytes !== numberBytes(copy.target)) {
    throw new TypeError(`${copy.label}: copies between elements of different sizes`);
  }
  if (copy.source.storage === copy.target.storage) {
    // A dispatch may not read and write the same buffer: gather first, then place.
    const scratch = {
      ...lowering.scratch(`${copy.label}.scratch`, 4 * Math.ceil((bytes * count) / 4)),
      ...(copy.source.isHalf && { isHalf: true }),
    };
    const packed = [extents[1] * extents[2], extents[2], 1];
    launchStridedCopy(lowering, {
      ...copy,
      label: `${copy.label}.gather`,
      extents,
      sourceStrides: toTriple(copy.sourceStrides, 0),
      target: scratch,
      targetOffset: 0,
      targetStrides: packed,
    });
    const { window: _, ...placed } = copy;
    launchStridedCopy(lowering, {
      ...placed,
      extents,
      targetStrides: toTriple(copy.targetStrides, 0),
      source: scratch,
      sourceOffset: 0,
      sourceStrides: packed,
    });
    return;
  }
  const content = packStruct(copyStrided.bindings.copy.struct, {
    extents,
    count,
    source_strides: toTriple(copy.sourceStrides, 0),
    source_offset: copy.sourceOffset,
    target_strides: toTriple(copy.targetStrides, 0),
    target_offset: copy.targetOffset,
    window_begin: copy.window?.begin ?? 0,
    window_end: copy.window?.end ?? extents[1],
  });
  const threads = threadsFor(lowering.limits, 256);
  lowering.launch(
    defineLaunch(copyStrided, {
      label: copy.label,
      constants: { threads, is_half: copy.source.isHalf ?? false },
      bindings: {
        copy: lowering.uniforms(`${copy.label}/copy`, content),
        source_words: copy.source,
        target_words: copy.target,
      },
      workgroups: splitGrid(Math.ceil(count / threads)),
      cost: { flops: 0, readBytes: bytes * count, writtenBytes: bytes * count },
    }),
  );
}
