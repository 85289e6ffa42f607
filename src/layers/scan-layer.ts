import type { ScanCell } from '../cells/scan-cell.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { projectSteps } from '../ops/project.ts';
import type { RecurrenceResult } from '../ops/recurrence.ts';
import { scan } from '../ops/scan.ts';
import { uniform, withRows } from './initializers.ts';
import type { Trace } from './trace.ts';

/** One layer and direction of a cell without recurrent weights. */
export interface ScanLayer {
  readonly cell: ScanCell;
  readonly hiddenSize: number;
  readonly reverse: boolean;
  readonly bias?: boolean | undefined;
  readonly forgetBias?: number | undefined;
  /** i32 [B]: the steps of each row that are not padding. */
  readonly lengths?: SymbolicTensor | undefined;
}

/** Applies one layer and direction; parameters `weight_ih` [gates·H, I] and `bias_ih` [gates·H]. */
export function applyScanLayer(
  trace: Trace,
  name: string,
  ending: string,
  { cell, hiddenSize, reverse, bias = true, forgetBias, lengths }: ScanLayer,
  x: SymbolicTensor,
  initial: SymbolicTensor,
): RecurrenceResult {
  const rows = cell.gates.length * hiddenSize;
  const flat = uniform(1 / Math.sqrt(hiddenSize));
  const forget = cell.gates.indexOf('f') * hiddenSize;
  const biasValues =
    forgetBias === undefined ? flat : withRows(flat, forget, forget + hiddenSize, forgetBias);
  const weight = trace.parameter(
    `${name}.weight_ih${ending}`,
    [rows, x.shape.at(-1) as number],
    flat,
  );
  const ownBias = bias
    ? trace.parameter(`${name}.bias_ih${ending}`, [rows], biasValues)
    : undefined;
  const projected = projectSteps(x, weight, ownBias, `${name}/project${ending}`);
  return scan({ projected, initial, lengths }, { cell, reverse }, `${name}/scan${ending}`);
}
