import type { Lowering } from '../graph/operator.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import type { TracedModel } from '../layers/model.ts';
import { launchStridedCopy } from '../ops/copy-strided.ts';

/**
 * Whether a state is written after all that reads the one before: a recurrence copies it out of its history,
 * and can do so to where the next run finds it.
 */
function isOwnCopy({ node }: SymbolicTensor): boolean {
  return node.op.name === 'recurrence';
}

/** Before the graph is lowered: has recurrences write their last state to where the next run reads it. */
export function placeStates(lowering: Lowering, { states }: TracedModel): void {
  for (const { initial, final } of states.values()) {
    if (final && isOwnCopy(final)) lowering.define(final, lowering.view(initial));
  }
}

/** After the graph is lowered: copies the other states there. */
export function carryStates(lowering: Lowering, { states }: TracedModel): void {
  for (const [name, { initial, final }] of states) {
    if (!final || isOwnCopy(final)) continue;
    launchStridedCopy(lowering, {
      label: `carry/${name}`,
      source: lowering.view(final),
      sourceOffset: 0,
      sourceStrides: [1],
      target: lowering.view(initial),
      targetOffset: 0,
      targetStrides: [1],
      extents: [initial.size],
    });
  }
}
