import type { Lowering, View } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { recurrenceForward } from '../kernels/generated/recurrence-forward.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { launchStridedCopy } from './copy-strided.ts';
import {
  describeShape,
  flopsOf,
  gridOf,
  packedWeights,
  planSpans,
  recurrenceConstants,
} from './recurrence-launch.ts';
import {
  chooseRecurrenceShape,
  layOutHistory,
  type RecurrenceAttributes,
} from './recurrence-shape.ts';
import { unusedInput } from './unused.ts';

/** Launches of a recurrence's forward pass. */
export function lowerForward(node: GraphNode<RecurrenceAttributes>, lowering: Lowering): void {
  const { attributes, label } = node;
  const { cell, steps, batch, hiddenSize } = attributes;
  const [projected, weight, initial, bias] = node.inputs as [
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor?,
  ];
  const [y, final, history, saved] = node.outputs as [
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor,
  ];
  const requested = lowering.requestedStrategy(node as GraphNode);
  const shape = chooseRecurrenceShape(lowering, attributes, 'forward', requested);
  lowering.decide(label, describeShape(shape), shape.reason);

  const layout = layOutHistory(attributes);
  const historyView = lowering.output(history);
  const yBytes = 4 * steps * batch * hiddenSize;
  lowering.define(y, {
    storage: historyView.storage,
    offsetBytes: historyView.offsetBytes + 4 * layout.yOrigin,
    bytes: yBytes,
  });
  const keepsSaved = lowering.isUsed(saved);
  const savedView = keepsSaved
    ? lowering.output(saved)
    : lowering.scratch(`${label}.saved`, Math.max(256, saved.size * (4 / steps)));

  const gathered = lowering.deferred(projected);
  const biasFloats = cell.gates.length * hiddenSize;
  const stateCost = 4 * batch * hiddenSize;
  for (const [index, span] of planSpans(shape.strategy, attributes, false).entries()) {
    lowering.launch(
      defineLaunch(recurrenceForward, {
        label: index === 0 ? label : `${label}#${index}`,
        cell: cell.shader,
        cellConstants: cell.constants,
        constants: {
          ...recurrenceConstants(attributes, shape, layout),
          keeps_saved: keepsSaved,
          gathers: gathered !== undefined,
          table_rows: gathered?.tableRows ?? 1,
        },
        bindings: {
          span: lowering.uniforms(
            `${label}.span`,
            packStruct(recurrenceForward.bindings.span.struct, {
              first_position: span.first,
              step_count: span.count,
              first_phase: span.firstPhase,
              end_phase: span.endPhase,
              prologue: span.prologue ? 1 : 0,
            }),
          ),
          projected: gathered?.table ?? lowering.view(projected),
          weight: lowering.packed(weight, packedWeights('column-quads', cell, shape)),
          bias: bias ? lowering.view(bias) : zeros(lowering, biasFloats),
          initial: lowering.view(initial),
          history: historyView,
          saved: savedView,
          tokens: gathered?.tokens ?? unusedInput(lowering),
          input_bias: gathered?.bias ?? zeros(lowering, gathered ? biasFloats : 1),
        },
        workgroups: gridOf(shape, batch, hiddenSize),
        cost: {
          flops: flopsOf(attributes, span),
          readBytes:
            span.count * stateCost * (cell.gates.length + cell.states.length) + 4 * weight.size,
          writtenBytes: span.count * stateCost * (cell.saved.length + cell.states.length),
        },
      }),
    );
  }
  if (lowering.isUsed(final)) {
    launchStridedCopy(lowering, {
      label: `${label}.final`,
      source: historyView,
      sourceOffset: layout.slot(steps),
      sourceStrides: [layout.sectionSize, 1],
      target: lowering.output(final),
      targetOffset: 0,
      targetStrides: [batch * hiddenSize, 1],
      extents: [cell.states.length, batch * hiddenSize],
    });
  }
}

/** Zeros in place of a bias. */
function zeros(lowering: Lowering, floats: number): View {
  return floats <= 64
    ? unusedInput(lowering)
    : lowering.constant('no bias', new Uint8Array(4 * floats));
}
