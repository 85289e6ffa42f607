import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, Operator, PlanLimits, Values, View } from '../graph/operator.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { indexTokens } from '../kernels/generated/index-tokens.ts';
import { indexTokensRank } from '../kernels/generated/index-tokens-rank.ts';
import { indexTokensSerial } from '../kernels/generated/index-tokens-serial.ts';
import { sumRowsByToken } from '../kernels/generated/sum-rows-by-token.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { isNarrow, splitGrid, threadsFor } from './grid.ts';
import { readToken } from './read-token.ts';

/** Inputs: tokens, dOutput. The table's gradient [rows, width], or [width, rows] where transposed. */
export const tableGradient: Operator<{ readonly rows: number; readonly transposed: boolean }> = {
  name: 'table-gradient',
  readsHalf: (input) => input === 1,
  infer([, dOutput], { rows, transposed }) {
    const width = dOutput?.shape.at(-1) as number;
    return [{ shape: transposed ? [width, rows] : [rows, width], dtype: 'f32' }];
  },
  evaluate([tokens, dOutput], { rows, transposed }, _context, node) {
    const width = node.inputs[1]?.shape.at(-1) as number;
    const gradient = new Float64Array(rows * width);
    for (let index = 0; index < (tokens as Values).length; index++) {
      const token = readToken(tokens, index, rows, node.label);
      for (let i = 0; i < width; i++) {
        const at = transposed ? i * rows + token : token * width + i;
        gradient[at] = (gradient[at] as number) + (dOutput?.[index * width + i] as number);
      }
    }
    return [gradient];
  },
  lower(node, lowering) {
    const [tokens, dOutput] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const [gradient] = node.outputs as [SymbolicTensor];
    launchTableGradient(lowering, node.label, tokens, dOutput, {
      view: lowering.output(gradient),
      width: dOutput.shape.at(-1) as number,
      ...node.attributes,
    });
  },
};

/** The gradient of a gather with respect to its table: a stable sort by token, then sums of rows. */
function launchTableGradient(
  lowering: Lowering,
  label: string,
  tokens: SymbolicTensor,
  dOutput: SymbolicTensor,
  table: { view: View; rows: number; width: number; transposed: boolean },
): void {
  const starts = lowering.scratch(`${label}.starts`, 4 * (table.rows + 1));
  const order = lowering.scratch(`${label}.order`, 4 * tokens.size);
  const indices = { view: lowering.view(tokens), count: tokens.size };
  launchIndex(lowering, `${label}.index`, indices, { rows: table.rows, starts, order });
  const gradients = lowering.stored(dOutput);
  const columns = isNarrow(lowering.limits) && table.width % 4 === 0 ? 4 : 1;
  lowering.launch(
    defineLaunch(sumRowsByToken, {
      label,
      constants: {
        table_rows: table.rows,
        width: table.width,
        columns,
        transposes_table: table.transposed,
        d_output_is_half: gradients.isHalf ?? false,
      },
      bindings: { starts, order, d_output: gradients, d_table: table.view },
      workgroups: splitGrid(Math.ceil((table.rows * table.width) / (64 * columns))),
      cost: {
        flops: 0,
        readBytes: tokens.size * (numberBytes(gradients) * table.width + 4),
        writtenBytes: 4 * table.rows * table.width,
      },
    }),
  );
}

/** Most values of a table that a workgroup goes through the positions for: a GPU has a thread for each. */
const MOST_SCANNED = 1024;
/** Fewest that are worth a pass over the positions in one thread, on a software adapter. */
const LEAST_SERIAL = 8;

/** Emits the launch that sorts positions by token: `starts` [rows + 1] and `order` [positions]. */
function launchIndex(
  lowering: Lowering,
  label: string,
  { view: indices, count }: { view: View; count: number },
  { rows, starts, order }: { rows: number; starts: View; order: View },
): void {
  const { limits } = lowering;
  const common = { label, bindings: { indices, starts, order } };
  const sizes = { row_count: count, table_rows: rows };
  const costOf = (loads: number) => {
    return { flops: 0, readBytes: 4 * loads, writtenBytes: 4 * (count + rows + 1) };
  };
  const isResident = limits.residentLanes !== undefined;
  if (!isResident && isNarrow(limits) && rows >= LEAST_SERIAL) {
    lowering.launch(
      defineLaunch(indexTokensSerial, {
        ...common,
        constants: sizes,
        workgroups: [1, 1, 1],
        cost: costOf(3 * count + rows),
      }),
    );
  } else if (!isResident && !isNarrow(limits) && rows > MOST_SCANNED) {
    lowering.launch(
      defineLaunch(indexTokensRank, {
        ...common,
        constants: { ...sizes, ahead: 8 },
        workgroups: splitGrid(Math.ceil((count + rows + 1) / 64)),
        cost: costOf(count * (count + rows)),
      }),
    );
  } else {
    lowering.launch(
      defineLaunch(indexTokens, {
        ...common,
        constants: { ...sizes, ...shareTokens(limits, rows) },
        workgroups: [1, 1, 1],
        cost: costOf(2 * count * rows),
      }),
    );
  }
}

/** How the threads of {@link indexTokens} share tokens and positions. */
function shareTokens(limits: PlanLimits, rows: number) {
  if (isNarrow(limits) || limits.residentLanes !== undefined) {
    return { threads: threadsFor(limits, 256), segments: 1, ahead: 1 };
  }
  const threads = Math.min(MOST_SCANNED, limits.maxComputeInvocationsPerWorkgroup);
  const segments = Math.max(1, Math.min(32, Math.floor(threads / rows)));
  return { threads, segments, ahead: 8 };
}
