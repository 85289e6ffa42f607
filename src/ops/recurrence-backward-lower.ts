import { numberBytes } from '../graph/numbers.ts';
import type { Lowering } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { recurrenceBackward } from '../kernels/generated/recurrence-backward.ts';
import { recurrenceBackwardCell } from '../kernels/generated/recurrence-backward-cell.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { gradientInputsOf } from './recurrence-extras.ts';
import { givenExtras, joinGiven } from './recurrence-given.ts';
import {
  describeChoice,
  flopsOf,
  gridOf,
  packedWeights,
  packTracks,
  recurrenceConstants,
  stepsOf,
  tilesOf,
  unitBytes,
} from './recurrence-launch.ts';
import { workgroupBytes } from './recurrence-memory.ts';
import { launchBackwardProducts } from './recurrence-products.ts';
import {
  chooseRecurrenceShape,
  type RecurrenceAttributes,
  type RecurrenceGradientAttributes,
  type RecurrenceShape,
} from './recurrence-shape.ts';
import { planWaves, type Span } from './recurrence-spans.ts';
import {
  alignFloats,
  halvesTogether,
  type Joined,
  joinViews,
  labelOf,
  outputsTogether,
  partOf,
  requestedWalk,
  scratchTogether,
  type Tracks,
} from './recurrence-tracks.ts';
import { unusedInput, unusedOutput } from './unused.ts';

/** Launches of the backward pass through time of recurrences that share their dispatches. */
export function lowerBackward(
  tracks: Tracks<RecurrenceGradientAttributes>,
  lowering: Lowering,
): void {
  const { nodes, wavefront } = tracks;
  const [{ attributes }] = nodes as [GraphNode<RecurrenceGradientAttributes>];
  const { cell, batch, hiddenSize } = attributes;
  const label = labelOf(tracks);
  const requested = requestedWalk(lowering, nodes[0] as GraphNode);
  const shape = chooseRecurrenceShape(lowering, attributes, {
    direction: 'backward',
    requested,
    trains: true,
    tracks: nodes.length,
  });
  for (const node of nodes) {
    const { choice, reason } = describeChoice(tracks, shape);
    lowering.decide(node.label, choice, reason);
  }

  const stateFloats = cell.states.length * batch * hiddenSize;
  const [dProjected, dRecurrent, dInitial] = [0, 1, 2].map((index) =>
    nodes.map(({ outputs }) => outputs[index] as SymbolicTensor),
  ) as [SymbolicTensor[], SymbolicTensor[], SymbolicTensor[]];
  const dRecurrents = halvesTogether(lowering, dRecurrent);
  if (!cell.gradientsApart) {
    for (const [track, tensor] of dProjected.entries()) {
      lowering.define(tensor, partOf(dRecurrents, track, { offset: 0, floats: tensor.size }));
    }
  }
  const dProjecteds = cell.gradientsApart
    ? halvesTogether(lowering, dProjected).view
    : unusedOutput(lowering, 'projected gradient');
  const reachesInitial = dInitial.some((tensor) => lowering.isUsed(tensor));
  const projectedStride =
    nodes.length > 1 ? alignFloats((dProjected[0] as SymbolicTensor).size) : 0;
  const carry = reachesInitial
    ? outputsTogether(lowering, dInitial)
    : scratchTogether(lowering, `${label}.carry`, nodes.length, stateFloats);

  const { weights, histories, saved, dOutputs, given, hasOutputGradient } = joinInputs(
    lowering,
    label,
    tracks,
  );
  const products = shape.productsApart
    ? scratchTogether(lowering, `${label}.products`, nodes.length, batch * hiddenSize)
    : undefined;
  const weight =
    cell.multiplies && !products
      ? lowering.packed(weights, packedWeights('row-quads', cell, shape))
      : unusedInput(lowering);
  const bytes = unitBytes(attributes, lowering);
  const weightBytes = products ? 0 : bytes.number * (weights[0] as SymbolicTensor).size;
  const bytesRead =
    numberBytes(dOutputs.view) +
    bytes.number * (cell.saved.length + (products ? 0 : cell.gates.length)) +
    (products ? 4 : 0) +
    2 * bytes.states;
  let count = 0;
  const launch = (span: Span) => {
    const suffix = count === 0 ? '' : `#${count}`;
    const name = `${label}${suffix}`;
    count += 1;
    const options = {
      label: name,
      cell: cell.shader,
      cellConstants: cell.constants,
      workgroups: gridOf(shape, attributes, span.tracks.length),
      cost: {
        flops: products ? 0 : flopsOf(attributes, span),
        readBytes:
          stepsOf(span) * batch * hiddenSize * bytesRead + weightBytes * span.tracks.length,
        writtenBytes: bytes.number * stepsOf(span) * batch * hiddenSize * cell.gates.length,
      },
    };
    const constants = {
      ...recurrenceConstants(attributes, shape, nodes.length, lowering),
      has_output_gradient: hasOutputGradient,
      projected_stride: projectedStride,
      d_output_is_half: dOutputs.view.isHalf ?? false,
    };
    const bindings = {
      span: lowering.uniforms(
        `${name}.span`,
        packStruct(recurrenceBackward.bindings.span.struct, {
          end_phase: span.endPhase,
          first_phase: span.firstPhase,
          ...packTracks(span, nodes, {
            sources: [dOutputs, given.states, histories, saved],
            places: [dRecurrents, carry],
            extras: given.extras,
            tiles: tilesOf(attributes, shape),
          }),
        }),
      ),
      d_output: dOutputs.view,
      given: given.states.view,
      history: histories.view,
      saved: saved.view,
      d_recurrent: dRecurrents.view,
      d_projected: dProjecteds,
      carry: carry.view,
    };
    if (!products) {
      lowering.launch(
        defineLaunch(recurrenceBackward, {
          ...options,
          constants: { ...constants, staged_gates: countStagedGates(lowering, attributes, shape) },
          bindings: { ...bindings, weight },
        }),
      );
      return;
    }
    launchBackwardProducts(lowering, span, {
      label: `${label}.products`,
      suffix,
      ...{ nodes, weights, vectors: dRecurrents, products },
    });
    lowering.launch(
      defineLaunch(recurrenceBackwardCell, {
        ...options,
        constants: { ...constants, products_stride: products.begins[1] ?? 0 },
        bindings: { ...bindings, products: products.view },
      }),
    );
  };
  const options = { strategy: shape.strategy, tracks: nodes.length, walksBack: true };
  const waves = planWaves(attributes, { ...options, chunk: wavefront?.chunk, reachesInitial });
  for (const [index, { ranges, spans }] of waves.entries()) {
    for (const range of ranges) wavefront?.feed(lowering, range, `#${index}`);
    for (const span of spans) launch(span);
  }
}

/** How many gates' gradients pass through workgroup memory together: all of a phase where there is room. */
function countStagedGates(
  { limits }: Lowering,
  attributes: RecurrenceAttributes,
  shape: RecurrenceShape,
): number {
  if (!shape.stages) return 1;
  const all = Math.max(1, ...attributes.cell.phases.map(([first, end]) => end - first));
  const bytes = workgroupBytes(attributes, 'backward', shape, all);
  return bytes <= limits.maxComputeWorkgroupStorageSize ? all : 1;
}

/** What the tracks read, each kind in one view; gradients that a track lacks are zero where others have them. */
function joinInputs(
  lowering: Lowering,
  label: string,
  { nodes, fed }: Tracks<RecurrenceGradientAttributes>,
) {
  const [{ attributes }] = nodes as [GraphNode<RecurrenceGradientAttributes>];
  const { cell, steps, batch, hiddenSize } = attributes;
  const zeros = (name: string, floats: number) =>
    lowering.constant(`${label}.no ${name}`, new Uint8Array(4 * floats));
  const join = (
    name: string,
    floats: number,
    tensors: readonly (SymbolicTensor | undefined)[],
    target?: Joined,
  ) => {
    const views = tensors.map((tensor) => (tensor ? lowering.stored(tensor) : zeros(name, floats)));
    return joinViews(lowering, `${label}.${name}`, floats, views, target);
  };
  const inputs = nodes.map((node) => gradientInputsOf(node));
  const sizeOfAll = ([first]: readonly SymbolicTensor[]) => (first as SymbolicTensor).size;
  const [weights, history, saved] = [
    inputs.map((own) => own.weight),
    inputs.map((own) => own.history),
    inputs.map((own) => own.saved),
  ];
  const hasOutputGradient = nodes.some((node) => node.attributes.hasOutputGradient);
  const stateFloats = batch * hiddenSize;
  return {
    weights,
    histories: join('history', sizeOfAll(history), history),
    saved: join('saved', sizeOfAll(saved), saved),
    hasOutputGradient,
    dOutputs: hasOutputGradient
      ? join(
          'output gradient',
          steps * stateFloats,
          inputs.map(({ dOutput }) => dOutput),
          fed,
        )
      : { view: unusedInput(lowering), begins: nodes.map(() => 0) },
    given: joinGiven(
      lowering,
      `${label}.final gradient`,
      cell.states.length * stateFloats,
      inputs.map(({ dFinal }) =>
        dFinal ? lowering.view(dFinal) : zeros('final gradient', cell.states.length * stateFloats),
      ),
      inputs.map(({ extras, bias }) => [
        ...givenExtras(lowering, extras),
        ...(bias ? [parametersOf(lowering, bias, attributes)] : []),
      ]),
    ),
  };
}

/** The cell's parameters, which lie behind bias_hh. */
function parametersOf(
  lowering: Lowering,
  bias: SymbolicTensor,
  { cell, hiddenSize }: RecurrenceAttributes,
) {
  const offset = cell.gates.length * hiddenSize;
  const view = lowering.view(bias);
  return { name: 'parameters', view, offset, floats: cell.parameters.length * hiddenSize };
}
