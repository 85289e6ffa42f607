import type { Lowering } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { launchColumnSums } from './column-sums.ts';
import { launchMatmul } from './matmul-launch.ts';
import { biasRows } from './recurrence-extras.ts';
import { layOutHistory, type RecurrenceAttributes } from './recurrence-shape.ts';

/** One matmul over all T·B rows for each phase: dWeight_hh = dRecurrentᵀ·(the phase's vectors). */
export function lowerWeightGradient(
  node: GraphNode<RecurrenceAttributes>,
  lowering: Lowering,
): void {
  const { cell, steps, batch, hiddenSize, stateSize = hiddenSize, reverse } = node.attributes;
  const [dRecurrent, history] = node.inputs as [SymbolicTensor, SymbolicTensor];
  const [dWeight, dBias] = node.outputs as [SymbolicTensor, SymbolicTensor];
  const layout = layOutHistory(node.attributes, lowering.precision === 'f16');
  const columns = biasRows(node.attributes) * hiddenSize;
  let columnSums = lowering.isUsed(dBias) ? lowering.output(dBias) : undefined;
  if (columnSums && (cell.parameters.length > 0 || !cell.multiplies)) {
    // Columns that no matmul passes over.
    launchColumnSums(lowering, `${node.label}.bias`, {
      view: lowering.stored(dRecurrent),
      rows: steps * batch,
      columns,
      factor: 1,
      output: columnSums,
    });
    columnSums = undefined;
  }
  if (!cell.multiplies) return;
  const target = lowering.output(dWeight);
  for (const [phase, [firstGate, endGate]] of cell.phases.entries()) {
    if (endGate === firstGate) continue;
    launchMatmul(lowering, {
      label: phase === 0 ? node.label : `${node.label}#${phase}`,
      // Where h is a projection, phase 0 multiplies, and the last one makes, its first units only.
      m: phase === 0 ? endGate * hiddenSize : (endGate - firstGate) * stateSize,
      n: phase === 0 ? stateSize : hiddenSize,
      k: steps * batch,
      a: {
        view: lowering.stored(dRecurrent),
        offset: firstGate * hiddenSize,
        stride: columns,
      },
      transposesA: true,
      b: {
        view: lowering.stored(history),
        // From time 0 on.
        offset: layout.multipliedAt(phase, reverse ? steps - 1 : 0),
        stride: hiddenSize,
      },
      c: { view: target, offset: firstGate * hiddenSize * hiddenSize, stride: hiddenSize },
      ...(columnSums && { columnSums: { view: columnSums, offset: firstGate * hiddenSize } }),
    });
  }
}
