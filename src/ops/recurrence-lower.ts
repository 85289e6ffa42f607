import type { Lowering, Strategy, View } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { recurrenceBackward } from '../kernels/generated/recurrence-backward.ts';
import { recurrenceForward } from '../kernels/generated/recurrence-forward.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { launchStridedCopy } from './copy-strided.ts';
import { launchMatmul, unusedInput, unusedOutput } from './matmul-launch.ts';
import {
  chooseRecurrenceShape,
  cutSteps,
  layOutHistory,
  type RecurrenceAttributes,
  type RecurrenceGradientAttributes,
  type RecurrenceShape,
} from './recurrence-shape.ts';

const FORWARD_UNITS_PER_LANE = 1;
/** Backward keeps one sum per unit, so a narrow adapter, which pays per load, affords two units. */
const BACKWARD_UNITS_PER_LANE = { narrow: 2, wide: 1 };

/** One dispatch of a recurrence: a range of steps and of phases. */
interface Span {
  readonly first: number;
  readonly count: number;
  readonly firstPhase: number;
  readonly endPhase: number;
  readonly prologue: boolean;
}

/** Spans of all dispatches: many steps with all phases, or one phase of one step. */
function planSpans(
  strategy: Strategy,
  attributes: RecurrenceAttributes,
  walksBack: boolean,
): Span[] {
  const { cell, steps, batch, hiddenSize } = attributes;
  const phases = cell.phases.length;
  if (strategy === 'persistent') {
    const flopsPerStep = 2 * batch * cell.gates.length * hiddenSize * hiddenSize;
    return cutSteps(steps, flopsPerStep).map(({ first, count }) => {
      return { first, count, firstPhase: 0, endPhase: phases, prologue: first === 0 };
    });
  }
  // The initial state must be in place before workgroups read each other's units of it.
  const spans: Span[] = walksBack
    ? []
    : [{ first: 0, count: 0, firstPhase: 0, endPhase: 0, prologue: true }];
  for (let step = 0; step < steps; step++) {
    for (let index = 0; index < phases; index++) {
      const phase = walksBack ? phases - 1 - index : index;
      const prologue = walksBack && step === 0 && index === 0;
      spans.push({ first: step, count: 1, firstPhase: phase, endPhase: phase + 1, prologue });
    }
  }
  return spans;
}

function describeShape(shape: RecurrenceShape): string {
  return `${shape.strategy}, ${shape.rows} rows × ${shape.units} units per lane, ${shape.lanes} lanes`;
}

/** Launches of a recurrence's forward pass. */
export function lowerForward(node: GraphNode<RecurrenceAttributes>, lowering: Lowering): void {
  const { attributes, label } = node;
  const { cell, steps, batch, hiddenSize, reverse } = attributes;
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
  const shape = chooseRecurrenceShape(lowering, attributes, FORWARD_UNITS_PER_LANE, requested);
  lowering.decide(label, describeShape(shape), shape.reason);

  const layout = layOutHistory(attributes);
  const historyView = lowering.output(history);
  const sectionBytes = 4 * layout.sectionSize;
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

  const stateCost = 4 * batch * hiddenSize;
  for (const [index, span] of planSpans(shape.strategy, attributes, false).entries()) {
    lowering.launch(
      defineLaunch(recurrenceForward, {
        label: index === 0 ? label : `${label}#${index}`,
        cell: cell.shader,
        cellConstants: cell.constants,
        constants: {
          steps,
          batch,
          hidden_size: hiddenSize,
          rows: shape.rows,
          units: shape.units,
          lanes: shape.lanes,
          unit_tile: shape.unitTile,
          k_unroll: shape.kUnroll,
          y_origin: layout.yOrigin,
          section_size: layout.sectionSize,
          runs_reverse: reverse,
          keeps_saved: keepsSaved,
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
          projected: lowering.view(projected),
          weight: lowering.transposed(weight),
          bias: bias ? lowering.view(bias) : unusedBias(lowering, weight),
          initial: lowering.view(initial),
          history: historyView,
          saved: savedView,
        },
        workgroups: gridOf(shape, batch, hiddenSize),
        cost: {
          flops: 2 * span.count * batch * gatesBetween(attributes, span) * hiddenSize * hiddenSize,
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
      sourceStrides: [sectionBytes / 4, 1],
      target: lowering.output(final),
      targetOffset: 0,
      targetStrides: [batch * hiddenSize, 1],
      extents: [cell.states.length, batch * hiddenSize],
    });
  }
}

/** Zeros in place of a bias. */
function unusedBias(lowering: Lowering, weight: SymbolicTensor): View {
  const bytes = 4 * (weight.shape[0] as number);
  return bytes <= 256 ? unusedInput(lowering) : lowering.constant('no bias', new Uint8Array(bytes));
}

function gatesBetween({ cell }: RecurrenceAttributes, span: Span): number {
  return cell.phases
    .slice(span.firstPhase, span.endPhase)
    .reduce((sum, [first, end]) => sum + end - first, 0);
}

function gridOf(
  shape: RecurrenceShape,
  batch: number,
  hiddenSize: number,
): [number, number, number] {
  return [Math.ceil(batch / shape.rows), Math.ceil(hiddenSize / shape.unitTile), 1];
}

/** Launches of a recurrence's backward pass through time. */
export function lowerBackward(
  node: GraphNode<RecurrenceGradientAttributes>,
  lowering: Lowering,
): void {
  const { attributes, label } = node;
  const { cell, steps, batch, hiddenSize, reverse, hasOutputGradient } = attributes;
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
  const shape = chooseRecurrenceShape(
    lowering,
    attributes,
    hiddenSize > 32 && lowering.limits.laneWidth <= 4
      ? BACKWARD_UNITS_PER_LANE.narrow
      : BACKWARD_UNITS_PER_LANE.wide,
    requested,
  );
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
          steps,
          batch,
          hidden_size: hiddenSize,
          rows: shape.rows,
          units: shape.units,
          lanes: shape.lanes,
          unit_tile: shape.unitTile,
          k_unroll: shape.kUnroll,
          y_origin: layout.yOrigin,
          section_size: layout.sectionSize,
          runs_reverse: reverse,
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
          weight: lowering.view(weight),
          history: lowering.view(history),
          saved: lowering.view(saved),
          d_recurrent: dRecurrentView,
          d_projected: dProjectedView,
          carry,
        },
        workgroups: gridOf(shape, batch, hiddenSize),
        cost: {
          flops: 2 * span.count * batch * gatesBetween(attributes, span) * hiddenSize * hiddenSize,
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
