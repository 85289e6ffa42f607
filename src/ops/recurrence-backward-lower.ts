import type { Lowering, Strategy } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { recurrenceBackward } from '../kernels/generated/recurrence-backward.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { launchMatmul } from './matmul-launch.ts';
import {
  describeShape,
  flopsOf,
  gridOf,
  packedWeights,
  planSpans,
  recurrenceConstants,
  type Span,
} from './recurrence-launch.ts';
import {
  chooseRecurrenceShape,
  layOutHistory,
  type RecurrenceAttributes,
  type RecurrenceGradientAttributes,
} from './recurrence-shape.ts';
import { unusedInput, unusedOutput } from './unused.ts';

/** Launches of a recurrence's backward pass through time. */
export function lowerBackward(
  node: GraphNode<RecurrenceGradientAttributes>,
  lowering: Lowering,
): void {
  const { attributes, label } = node;
  const { cell, steps, batch, hiddenSize, hasOutputGradient } = attributes;
  const [weight, history, saved, ...rest] = node.inputs as [
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor,
    ...SymbolicTensor[],
  ];
  const dOutput = hasOutputGradient ? rest[0] : undefined;
  const dFinal = attributes.hasFinalGradient ? rest.at(-1) : undefined;
  const [dProjected, dRecurrent, dInitial] = node.outputs as [
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor,
  ];
  const requested = lowering.requestedStrategy(node as GraphNode);
  const shape = chooseRecurrenceShape(lowering, attributes, 'backward', requested);
  lowering.decide(label, describeShape(shape), shape.reason);

  const layout = layOutHistory(attributes);
  const dRecurrentView = lowering.output(dRecurrent);
  if (!cell.gradientsApart) lowering.define(dProjected, dRecurrentView);
  const dProjectedView = cell.gradientsApart
    ? lowering.output(dProjected)
    : unusedOutput(lowering, 'projected gradient');
  const needsInitial = lowering.isUsed(dInitial);
  const stateBytes = 4 * cell.states.length * batch * hiddenSize;
  const carry = needsInitial
    ? lowering.output(dInitial)
    : lowering.scratch(`${label}.carry`, stateBytes);
  const spans = planSpans(shape.strategy, attributes, true);
  if (needsInitial) addInitialStep(spans, shape.strategy, steps, cell.phases.length);

  for (const [index, span] of spans.entries()) {
    lowering.launch(
      defineLaunch(recurrenceBackward, {
        label: index === 0 ? label : `${label}#${index}`,
        cell: cell.shader,
        cellConstants: cell.constants,
        constants: {
          ...recurrenceConstants(attributes, shape, layout),
          has_output_gradient: hasOutputGradient,
        },
        bindings: {
          span: lowering.uniforms(
            `${label}.span`,
            packStruct(recurrenceBackward.bindings.span.struct, {
              first_index: span.first,
              step_count: span.count,
              end_phase: span.endPhase,
              first_phase: span.firstPhase,
              prologue: span.prologue ? 1 : 0,
            }),
          ),
          d_output: dOutput ? lowering.view(dOutput) : unusedInput(lowering),
          d_final: dFinal
            ? lowering.view(dFinal)
            : lowering.constant(`${label}.no final gradient`, new Uint8Array(stateBytes)),
          weight: lowering.packed(weight, packedWeights('row-quads', cell, shape)),
          history: lowering.view(history),
          saved: lowering.view(saved),
          d_recurrent: dRecurrentView,
          d_projected: dProjectedView,
          carry,
        },
        workgroups: gridOf(shape, batch, hiddenSize),
        cost: {
          flops: flopsOf(attributes, span),
          readBytes:
            4 *
              span.count *
              batch *
              hiddenSize *
              (1 + cell.saved.length + 2 * cell.states.length + cell.gates.length) +
            4 * weight.size,
          writtenBytes: 4 * span.count * batch * hiddenSize * cell.gates.length,
        },
      }),
    );
  }
}

/** Adds the index behind the first step, which carries the gradient into the initial state. */
function addInitialStep(spans: Span[], strategy: Strategy, steps: number, phases: number): void {
  const last = spans.at(-1);
  if (strategy === 'persistent' && last) {
    spans[spans.length - 1] = { ...last, count: last.count + 1 };
    return;
  }
  const span = { first: steps, count: 1, firstPhase: phases - 1, endPhase: phases };
  spans.push({ ...span, prologue: false });
}

/** One matmul over all T·B rows for each phase: dWeight_hh = dRecurrentᵀ·(the phase's vectors). */
export function lowerWeightGradient(
  node: GraphNode<RecurrenceAttributes>,
  lowering: Lowering,
): void {
  const { cell, steps, batch, hiddenSize, reverse } = node.attributes;
  const [dRecurrent, history] = node.inputs as [SymbolicTensor, SymbolicTensor];
  const [dWeight, dBias] = node.outputs as [SymbolicTensor, SymbolicTensor];
  const layout = layOutHistory(node.attributes);
  const row = batch * hiddenSize;
  const columnSums = lowering.isUsed(dBias) ? lowering.output(dBias) : undefined;
  const target = lowering.output(dWeight);
  for (const [phase, [firstGate, endGate]] of cell.phases.entries()) {
    const section = phase === 0 ? 0 : cell.states.length + phase - 1;
    const shift = phase > 0 ? 0 : reverse ? row : -row;
    launchMatmul(lowering, {
      label: phase === 0 ? node.label : `${node.label}#${phase}`,
      m: (endGate - firstGate) * hiddenSize,
      n: hiddenSize,
      k: steps * batch,
      a: {
        view: lowering.view(dRecurrent),
        offset: firstGate * hiddenSize,
        stride: cell.gates.length * hiddenSize,
      },
      transposesA: true,
      b: {
        view: lowering.view(history),
        offset: section * layout.sectionSize + layout.yOrigin + shift,
        stride: hiddenSize,
      },
      c: { view: target, offset: firstGate * hiddenSize * hiddenSize, stride: hiddenSize },
      ...(columnSums && { columnSums: { view: columnSums, offset: firstGate * hiddenSize } }),
    });
  }
}
