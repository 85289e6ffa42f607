import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, View } from '../graph/operator.ts';
import { sumColumns } from '../kernels/generated/sum-columns.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { splitGrid } from './grid.ts';

/** Rows one thread adds up before the rows are cut into segments. */
const ROWS_PER_THREAD = 64;
const ROWS_PER_SEGMENT = 64;
const MOST_SEGMENTS = 64;

/** Emits the launches that add up the rows of a matrix, times a factor. */
export function launchColumnSums(
  lowering: Lowering,
  label: string,
  matrix: { view: View; rows: number; columns: number; factor: number },
  output: View,
): void {
  const { view, rows, columns, factor } = matrix;
  const segments =
    rows <= ROWS_PER_THREAD ? 1 : Math.min(MOST_SEGMENTS, Math.ceil(rows / ROWS_PER_SEGMENT));
  const partial =
    segments > 1 ? lowering.scratch(`${label}.parts`, 4 * segments * columns) : undefined;
  lowering.launch(
    defineLaunch(sumColumns, {
      label: partial ? `${label}.parts` : label,
      constants: {
        rows,
        columns,
        segments,
        factor: partial ? 1 : factor,
        x_is_half: view.isHalf ?? false,
      },
      bindings: { x: view, output: partial ?? output },
      workgroups: splitGrid(Math.ceil((segments * columns) / 64)),
      cost: {
        flops: rows * columns,
        readBytes: numberBytes(view) * rows * columns,
        writtenBytes: 4 * segments * columns,
      },
    }),
  );
  if (partial) {
    launchColumnSums(lowering, label, { view: partial, rows: segments, columns, factor }, output);
  }
}
