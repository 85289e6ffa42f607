import type { Lowering, PlanLimits, View } from '../graph/operator.ts';
import { linearRow } from '../kernels/generated/linear-row.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { threadsFor } from './grid.ts';
import { unusedInput } from './unused.ts';

/** y [outputs] = weight [outputs, inputs]·x [inputs] + bias [outputs]. */
export interface LinearRow {
  readonly label: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly x: View;
  readonly weight: View;
  readonly bias?: View | undefined;
  readonly y: View;
}

/** Threads that share a sum. */
const QUAD = 4;

/** Most numbers that a thread keeps for such a layer, as many as for a recurrence. */
const MOST_NUMBERS = 2048;

/** Whether the threads of the plan's one workgroup can keep the weights of a layer from repetition to repetition. */
export function canHoldRow(
  { residentHolds, residentLanes = 0 }: PlanLimits,
  { inputs, outputs }: Pick<LinearRow, 'inputs' | 'outputs'>,
): boolean {
  const columns = Math.ceil(outputs / (residentLanes / QUAD));
  const numbers = 4 * Math.ceil(inputs / (4 * QUAD)) * columns;
  return residentHolds === true && numbers <= MOST_NUMBERS;
}

/** Emits the launch that computes a layer for which {@link canHoldRow} holds. */
export function launchLinearRow(lowering: Lowering, row: LinearRow): void {
  const { label, inputs, outputs, x, weight, bias, y } = row;
  lowering.launch(
    defineLaunch(linearRow, {
      label,
      constants: {
        inputs,
        outputs,
        threads: threadsFor(lowering.limits, QUAD),
        has_bias: bias !== undefined,
      },
      bindings: { x, weight, bias: bias ?? unusedInput(lowering), y },
      workgroups: [1, 1, 1],
      // The weights are read once a dispatch.
      cost: { flops: 2 * inputs * outputs, readBytes: 4 * inputs, writtenBytes: 4 * outputs },
    }),
  );
}
