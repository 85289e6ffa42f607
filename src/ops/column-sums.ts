import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, View } from '../graph/operator.ts';
import { sumColumns } from '../kernels/generated/sum-columns.ts';
import { defineLaunch, type TypedLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
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
  /** Numbers of the output's view in front of them; 0 where absent. */
  readonly outputOffset?: number | undefined;
}

/** Which columns are added up over how many rows, times a factor. */
export interface ColumnSums extends SummedColumns {
  readonly rows: number;
  readonly factor: number;
  /** Numbers of the view in front of the matrix; 0 where absent. */
  readonly offset?: number | undefined;
  /** From a row to the next, `columns` where absent, and from a column to the next, 1 where absent. */
  readonly steps?: { readonly row: number; readonly column: number } | undefined;
  /** f32; its rows are as many. */
  readonly second?: SummedColumns | undefined;
}

/** Emits the launches of {@link defineColumnSums}. */
export function launchColumnSums(lowering: Lowering, label: string, sums: ColumnSums): void {
  for (const launch of defineColumnSums(lowering, label, sums)) lowering.launch(launch);
}

/**
 * The launches that add up the rows of a matrix, or of two: one launch where the rows are few, else two for each
 * matrix, of segments and of their sums.
 */
export function defineColumnSums(
  lowering: Lowering,
  label: string,
  sums: ColumnSums,
): TypedLaunch<View>[] {
  const { rows, factor, second } = sums;
  const segments =
    rows <= ROWS_PER_THREAD ? 1 : Math.min(MOST_SEGMENTS, Math.ceil(rows / ROWS_PER_SEGMENT));
  if (segments === 1) return [defineSums(lowering, label, sums, 1)];
  const { second: _both, ...first } = sums;
  return (second ? [first, { ...second, rows }] : [first]).flatMap((each) => {
    const { columns, output, outputOffset } = each;
    const partial = lowering.scratch(`${label}.parts`, 4 * segments * columns);
    const parts = { ...each, factor: 1, output: partial, outputOffset: 0 };
    const total = { view: partial, rows: segments, columns, factor, output, outputOffset };
    return [
      defineSums(lowering, `${label}.parts`, parts, segments),
      defineSums(lowering, label, total, 1),
    ];
  });
}

function defineSums(
  lowering: Lowering,
  label: string,
  sums: ColumnSums,
  segments: number,
): TypedLaunch<View> {
  const { view, rows, columns, factor, output, outputOffset = 0, offset = 0, second } = sums;
  const { row, column } = sums.steps ?? { row: columns, column: 1 };
  const secondColumns = second?.columns ?? 0;
  const outputs = segments * columns + secondColumns;
  return defineLaunch(sumColumns, {
    label,
    constants: { has_second: second !== undefined, x_is_half: view.isHalf ?? false },
    bindings: {
      sums: lowering.uniforms(
        `${label}.sums`,
        packStruct(sumColumns.bindings.sums.struct, {
          rows,
          columns,
          row_step: row,
          column_step: column,
          segments,
          segment_rows: Math.ceil(rows / segments),
          x_offset: offset,
          output_offset: outputOffset,
          second_columns: secondColumns,
          factor,
        }),
      ),
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
  });
}
