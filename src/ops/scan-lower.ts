import { numberBytes } from '../graph/numbers.ts';
import type { Lowering } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { scanBackward } from '../kernels/generated/scan-backward.ts';
import { scanForward } from '../kernels/generated/scan-forward.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { splitGrid } from './grid.ts';
import {
  chooseScanShape,
  cutScan,
  placeOfOutputGradient,
  type ScanAttributes,
  type ScanGradientAttributes,
} from './scan-shape.ts';
import { unusedInput, unusedOutput } from './unused.ts';

/** FLOPs of a gate and step, its exponential counted as ten; backward computes the gates anew. */
const GATE_FLOPS = { forward: 14, backward: 30 };
/** FLOPs of the scan itself per unit and step. */
const SCAN_FLOPS = { forward: 5, backward: 8 };

/** What both directions have in common: the shape, the cut into dispatches, and sizes as constants. */
function planScan(lowering: Lowering, { attributes, label }: GraphNode<ScanAttributes>) {
  const { steps, batch, hiddenSize, reverse, hasLengths } = attributes;
  const { reason, ...shape } = chooseScanShape(lowering.limits, attributes);
  const spans = cutScan(attributes, shape);
  const { lanes, chunks, chunkSteps } = shape;
  const sharing = chunks > 1 ? `${chunks} threads of ${chunkSteps} steps each` : 'one thread';
  lowering.decide(label, `scan, ${sharing} along time, ${lanes} lanes`, reason);
  return {
    named: spans.map((span, index) => ({
      position: { ...span, steps },
      name: index === 0 ? label : `${label}#${index}`,
      unitSteps: (span.end - span.first) * batch * hiddenSize,
    })),
    constants: {
      batch,
      hidden_size: hiddenSize,
      lanes,
      chunks,
      chunk_steps: chunkSteps,
      runs_reverse: reverse,
      has_lengths: hasLengths,
    },
    workgroups: splitGrid(Math.ceil((batch * hiddenSize) / lanes)),
  };
}

/** Launches of the forward scan: one, unless it is extremely long. */
export function lowerScan(node: GraphNode<ScanAttributes>, lowering: Lowering): void {
  const { cell } = node.attributes;
  const gates = cell.gates.length;
  const [projectedTensor, initial, lengths] = node.inputs as [
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor?,
  ];
  const [yTensor, final] = node.outputs as [SymbolicTensor, SymbolicTensor];
  const { named, constants, workgroups } = planScan(lowering, node);
  const projected = lowering.stored(projectedTensor);
  const y = lowering.storedOutput(yTensor);
  const keepsFinal = lowering.isUsed(final);
  const finalState = keepsFinal ? lowering.output(final) : unusedOutput(lowering, 'final state');
  for (const { name, position, unitSteps } of named) {
    const span = packStruct(scanForward.bindings.span.struct, position);
    lowering.launch(
      defineLaunch(scanForward, {
        label: name,
        cell: cell.shader,
        cellConstants: cell.constants,
        constants: {
          ...constants,
          keeps_final: keepsFinal,
          projected_is_half: projected.isHalf ?? false,
          y_is_half: y.isHalf ?? false,
        },
        bindings: {
          span: lowering.uniforms(`${name}.span`, span),
          projected,
          initial: lowering.view(initial),
          lengths: lengths ? lowering.view(lengths) : unusedInput(lowering),
          y,
          final_state: finalState,
        },
        workgroups,
        cost: {
          flops: unitSteps * (gates * GATE_FLOPS.forward + SCAN_FLOPS.forward),
          readBytes: unitSteps * gates * numberBytes(projected),
          writtenBytes: unitSteps * numberBytes(y),
        },
      }),
    );
  }
}

/** Launches of the scan's gradient. */
export function lowerScanGradient(
  node: GraphNode<ScanGradientAttributes>,
  lowering: Lowering,
): void {
  const { cell, hasLengths, hasOutputGradient, hasFinalGradient } = node.attributes;
  const gates = cell.gates.length;
  const [projectedTensor, initial, yTensor, lengths] = node.inputs as [
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor,
  ];
  const place = placeOfOutputGradient(node.attributes);
  const [dProjectedTensor, dInitialTensor] = node.outputs as [SymbolicTensor, SymbolicTensor];
  const { named, constants, workgroups } = planScan(lowering, node);
  const projected = lowering.stored(projectedTensor);
  const y = lowering.stored(yTensor);
  const dOutput =
    place === undefined
      ? unusedInput(lowering)
      : lowering.stored(node.inputs[place] as SymbolicTensor);
  const dProjected = lowering.storedOutput(dProjectedTensor);
  const keepsInitial = named.length > 1 || lowering.isUsed(dInitialTensor);
  for (const { name, position, unitSteps } of named) {
    const span = packStruct(scanBackward.bindings.span.struct, position);
    lowering.launch(
      defineLaunch(scanBackward, {
        label: name,
        cell: cell.shader,
        cellConstants: cell.constants,
        constants: {
          ...constants,
          has_output_gradient: hasOutputGradient,
          has_final_gradient: hasFinalGradient,
          keeps_initial: keepsInitial,
          projected_is_half: projected.isHalf ?? false,
          y_is_half: y.isHalf ?? false,
          d_output_is_half: dOutput.isHalf ?? false,
          d_projected_is_half: dProjected.isHalf ?? false,
        },
        bindings: {
          span: lowering.uniforms(`${name}.span`, span),
          projected,
          initial: lowering.view(initial),
          lengths: hasLengths ? lowering.view(lengths) : unusedInput(lowering),
          y,
          d_output: dOutput,
          d_final: hasFinalGradient
            ? lowering.view(node.inputs.at(-1) as SymbolicTensor)
            : unusedInput(lowering),
          d_projected: dProjected,
          d_initial: keepsInitial
            ? lowering.output(dInitialTensor)
            : unusedOutput(lowering, 'initial gradient'),
        },
        workgroups,
        cost: {
          flops: unitSteps * (gates * GATE_FLOPS.backward + SCAN_FLOPS.backward),
          readBytes:
            unitSteps *
            (gates * numberBytes(projected) +
              numberBytes(y) +
              (hasOutputGradient ? numberBytes(dOutput) : 0)),
          writtenBytes: unitSteps * gates * numberBytes(dProjected),
        },
      }),
    );
  }
}
