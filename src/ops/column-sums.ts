import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, View } from '../graph/operator.ts';
import { sumColumns } from '../kernels/generated/sum-columns.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { splitGrid } from './grid.ts';
import { unusedInput, unusedOutput } from './unused.ts';

/** Rows one thread adds up before the rows are cut into segments. */
const ROWS_PER_THREAD = 64;
const ROWS_PER_SEGMENT = 64;
const MOST_SEGMENTS = 64;

/** A matrix and where the sums of its columns go. */
export interface SummedColumns {
  readonly view: View;
  readonly columns: number;
  readonly output: View;
}

/** Which columns are added up over how many rows, times a factor. */
export interface ColumnSums extends SummedColumns {
  readonly rows: number;
  readonly factor: number;
  /** Whether `view` holds the matrix transposed, [columns, rows]: the sums are those of its rows. */
  readonly isTransposed?: boolean | undefined;
  /** f32; its rows are as many. */
  readonly second?: SummedColumns | undefined;
}

/**
 * Emits the launches that add up the rows of a matrix, or of two: one launch where the rows are few, else two for each
 * matrix, of segments and of their sums.
 */
export function launchColumnSums(lowering: Lowering, label: string, sums: ColumnSums): void {
  const { rows, factor, second, isTransposed } = sums;
  const segments =
    rows <= ROWS_PER_THREAD ? 1 : Math.min(MOST_SEGMENTS, Math.ceil(rows / ROWS_PER_SEGMENT));
  if (segments === 1) {
    launchSums(lowering, label, sums, 1);
    return;
  }
  for (const { view, columns, output } of second ? [sums, second] : [sums]) {
    const partial = lowering.scratch(`${label}.parts`, 4 * segments * columns);
    const parts = { view, rows, columns, factor: 1, output: partial, isTransposed };
    launchSums(lowering, `${label}.parts`, parts, segments);
    launchSums(lowering, label, { view: partial, rows: segments, columns, factor, output }, 1);
  }
}

function launchSums(
  lowering: Lowering,
  label: string,
  { view, rows, columns, factor, output, second, isTransposed }: ColumnSums,
  segments: number,
): void {
  const secondColumns = second?.columns ?? 0;
  const outputs = segments * columns + secondColumns;
  lowering.launch(
    defineLaunch(sumColumns, {
      label,
      constants: {
        rows,
        columns,
        row_step: isTransposed ? 1 : columns,
        column_step: isTransposed ? rows : 1,
        segments,
        factor,
        second_columns: secondColumns,
        x_is_half: view.isHalf ?? false,
      },
      bindings: {
        x: view,
        output,
        second: second?.view ?? unusedInput(lowering),
        second_output: second?.output ?? unusedOutput(lowering, 'second sums'),
      },
      workgroups: splitGrid(Math.ceil(outputs / 64)),
      cost: {
        flops: rows * (columns + secondColumns),
        readBytes: rows * (numberBytes(view) * columns + 4 * secondColumns),
        writtenBytes: 4 * outputs,
      },
    }),
  );
}
