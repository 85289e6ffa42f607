import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, View } from '../graph/operator.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { gatherRows } from '../kernels/generated/gather-rows.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { splitGrid } from './grid.ts';
import { unusedInput } from './unused.ts';

/** Emits the launch that copies rows of a table by token, plus a bias. */
export function launchGather(
  lowering: Lowering,
  label: string,
  tokens: SymbolicTensor,
  table: { view: View; rows: number; width: number },
  output: View,
  bias?: View,
): void {
  lowering.launch(
    defineLaunch(gatherRows, {
      label,
      constants: {
        row_count: tokens.size,
        table_rows: table.rows,
        width: table.width,
        has_bias: bias !== undefined,
        table_is_half: table.view.isHalf ?? false,
        output_is_half: output.isHalf ?? false,
      },
      bindings: {
        indices: lowering.view(tokens),
        table: table.view,
        bias: bias ?? unusedInput(lowering),
        output,
      },
      workgroups: splitGrid(Math.ceil((tokens.size * Math.ceil(table.width / 4)) / 64)),
      cost: {
        flops: 0,
        readBytes: tokens.size * (numberBytes(table.view) * table.width + 4),
        writtenBytes: numberBytes(output) * tokens.size * table.width,
      },
    }),
  );
}
