import type { Lowering, View } from '../graph/operator.ts';
import { widen } from '../kernels/generated/widen.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { splitGrid } from './grid.ts';

/** Numbers in half precision, and where they go in float32. Offsets in numbers of each. */
export interface Widening {
  readonly label: string;
  readonly count: number;
  readonly source: View;
  readonly sourceOffset?: number;
  /** f16 numbers that add up to one; default 1. */
  readonly parts?: number;
  readonly target: View;
  readonly targetOffset?: number;
}

/** Emits the launch that copies numbers out of half precision. */
export function launchWidening(lowering: Lowering, widening: Widening): void {
  const { label, count, source, sourceOffset = 0, parts = 1, target, targetOffset = 0 } = widening;
  const content = packStruct(widen.bindings.widening.struct, {
    count,
    source_offset: sourceOffset,
    target_offset: targetOffset,
    parts,
  });
  lowering.launch(
    defineLaunch(widen, {
      label,
      constants: {},
      bindings: { widening: lowering.uniforms(`${label}/sizes`, content), source, wide: target },
      workgroups: splitGrid(Math.ceil(count / 256)),
      cost: { flops: 0, readBytes: 2 * parts * count, writtenBytes: 4 * count },
    }),
  );
}
