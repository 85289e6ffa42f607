import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, View } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { recurrenceForward } from '../kernels/generated/recurrence-forward.ts';
import { recurrenceForwardCell } from '../kernels/generated/recurrence-forward-cell.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { launchStridedCopy } from './copy-strided.ts';
import { biasRows, inputsOf } from './recurrence-extras.ts';
import { givenExtras, joinGiven } from './recurrence-given.ts';
import {
  describeChoice,
  flopsOf,
  gridOf,
  keepsSaved,
  packedWeights,
  packTracks,
  recurrenceConstants,
  stepsOf,
  tilesOf,
  unitBytes,
} from './recurrence-launch.ts';
import { launchForwardProducts } from './recurrence-products.ts';
import {
  chooseRecurrenceShape,
  layOutHistory,
  type RecurrenceAttributes,
} from './recurrence-shape.ts';
import { planWaves, type Span } from './recurrence-spans.ts';
import {
  halvesTogether,
  type Joined,
  joinViews,
  labelOf,
  partOf,
  requestedWalk,
  scratchTogether,
  type Tracks,
} from './recurrence-tracks.ts';
import { unusedInput } from './unused.ts';
import { launchWidening } from './widen.ts';

/** Launches of the forward pass of recurrences that share their dispatches. */
export function lowerForward(tracks: Tracks<RecurrenceAttributes>, lowering: Lowering): void {
  const { nodes, wavefront } = tracks;
  const [{ attributes }] = nodes as [GraphNode<RecurrenceAttributes>];
  const { cell, steps, batch, hiddenSize } = attributes;
  const label = labelOf(tracks);
  const requested = requestedWalk(lowering, nodes[0] as GraphNode);
  const trains = keepsSaved(nodes, lowering);
  const shape = chooseRecurrenceShape(lowering, attributes, {
    direction: 'forward',
    requested,
    trains,
    tracks: nodes.length,
  });
  for (const node of nodes) {
    const { choice, reason } = describeChoice(tracks, shape);
    lowering.decide(node.label, choice, reason);
  }

  const isHalf = lowering.precision === 'f16';
  const layout = layOutHistory(attributes, isHalf);
  const numbers = layout.sections * layout.sectionSize;
  const histories = halvesTogether(lowering, outputsOf(nodes, 2), numbers);
  for (const [index, node] of nodes.entries()) {
    const { yOrigin } = layOutHistory(node.attributes, isHalf);
    const [y] = node.outputs as [SymbolicTensor];
    lowering.define(y, partOf(histories, index, { offset: yOrigin, floats: y.size }));
  }
  const kept = outputsOf(nodes, 3);
  const [{ size: keptFloats }] = kept as [SymbolicTensor];
  const saved = trains
    ? halvesTogether(lowering, kept)
    : scratchTogether(lowering, `${label}.saved`, nodes.length, Math.max(64, keptFloats / steps));

  const biasFloats = biasRows(attributes) * hiddenSize;
  const { gathered, projected, inputBias } = joinInputs(lowering, label, tracks);
  const stateFloats = cell.states.length * batch * hiddenSize;
  const given = joinGiven(
    lowering,
    `${label}.initial`,
    stateFloats,
    nodes.map((node) => lowering.view(inputsOf(node).initial)),
    nodes.map((node) => givenExtras(lowering, inputsOf(node).extras)),
  );
  const bias = joinViews(
    lowering,
    `${label}.bias`,
    biasFloats,
    nodes.map((node) => {
      const { bias: own } = inputsOf(node);
      return own ? lowering.view(own) : zeros(lowering, biasFloats);
    }),
  );
  const weights = nodes.map((node) => inputsOf(node).weight);
  const units = batch * hiddenSize;
  const products = shape.productsApart
    ? scratchTogether(lowering, `${label}.products`, nodes.length, cell.gates.length * units)
    : undefined;
  const weight =
    cell.multiplies && !products
      ? lowering.packed(weights, packedWeights('column-quads', cell, shape))
      : unusedInput(lowering);
  const bytes = unitBytes(attributes, lowering);
  // Weights that stay from repetition to repetition are read once a dispatch.
  const stays = shape.heldQuads > 0 && lowering.limits.residentHolds;
  const weightBytes = stays || products ? 0 : bytes.number * (weights[0]?.size ?? 0);
  const bytesRead =
    numberBytes(projected.view) * cell.inputGates +
    bytes.states +
    (products ? 4 * cell.gates.length : 0);
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
        readBytes: stepsOf(span) * units * bytesRead + weightBytes * span.tracks.length,
        writtenBytes: stepsOf(span) * units * (bytes.number * cell.saved.length + bytes.states),
      },
    };
    const constants = {
      ...recurrenceConstants(attributes, shape, nodes.length, lowering),
      keeps_saved: trains,
      gathers: gathered !== undefined,
      row_step: gathered?.isTransposed ? 1 : cell.inputGates * hiddenSize,
      unit_step: gathered?.isTransposed ? gathered.tableRows : 1,
      projected_is_half: projected.view.isHalf ?? false,
    };
    const bindings = {
      span: lowering.uniforms(
        `${name}.span`,
        packStruct(recurrenceForward.bindings.span.struct, {
          first_phase: span.firstPhase,
          end_phase: span.endPhase,
          table_rows: gathered?.tableRows ?? 0,
          ...packTracks(span, nodes, {
            sources: [projected, given.states, bias, inputBias],
            places: [histories, saved],
            extras: given.extras,
            tiles: tilesOf(attributes, shape),
          }),
        }),
      ),
      projected: projected.view,
      bias: bias.view,
      given: given.states.view,
      history: histories.view,
      saved: saved.view,
      tokens: gathered?.tokens ?? unusedInput(lowering),
      input_bias: inputBias.view,
    };
    const acceptsTokens = (shape.spreads || shape.heldQuads > 0 || products) && !gathered;
    const accepts = acceptsTokens ? { accepts: [{ constants: { gathers: true } }] } : {};
    if (!products) {
      const own = { ...options, ...accepts, constants, bindings: { ...bindings, weight } };
      lowering.launch(defineLaunch(recurrenceForward, own));
      return;
    }
    launchForwardProducts(lowering, span, {
      label: `${label}.products`,
      suffix,
      ...{ nodes, weights, vectors: histories, products },
    });
    lowering.launch(
      defineLaunch(recurrenceForwardCell, {
        ...options,
        ...accepts,
        constants: { ...constants, products_stride: products.begins[1] ?? 0 },
        bindings: { ...bindings, products: products.view },
      }),
    );
  };
  const options = { strategy: shape.strategy, tracks: nodes.length, walksBack: false };
  const waves = planWaves(attributes, { ...options, chunk: wavefront?.chunk });
  for (const [index, { ranges, spans }] of waves.entries()) {
    for (const range of ranges) wavefront?.feed(lowering, range, `#${index}`);
    for (const span of spans) launch(span);
  }
  for (const [index, node] of nodes.entries()) {
    const [, final] = node.outputs as [SymbolicTensor, SymbolicTensor];
    if (!lowering.isUsed(final)) continue;
    const begin = histories.begins[index] as number;
    const ownLayout = layOutHistory(node.attributes, isHalf);
    if (isHalf) {
      widenFinal(lowering, node, { source: histories.view, begin, target: lowering.output(final) });
      continue;
    }
    launchStridedCopy(lowering, {
      label: `${node.label}.final`,
      source: histories.view,
      sourceOffset: begin + ownLayout.slot(steps),
      sourceStrides: [layout.sectionSize, 1],
      target: lowering.output(final),
      targetOffset: 0,
      targetStrides: [batch * hiddenSize, 1],
      extents: [cell.states.length, batch * hiddenSize],
    });
  }
}

/** Takes the last states out of an f16 history, whose states lie in one part or two. */
function widenFinal(
  lowering: Lowering,
  { attributes, label }: GraphNode<RecurrenceAttributes>,
  {
    source,
    begin,
    target,
  }: { readonly source: View; readonly begin: number; readonly target: View },
): void {
  const { cell, steps, batch, hiddenSize } = attributes;
  const layout = layOutHistory(attributes, true);
  const count = batch * hiddenSize;
  for (const [state, name] of cell.states.entries()) {
    const parts = layout.parts(state);
    const sourceOffset = begin + layout.stateBegin(state) + parts * layout.slot(steps);
    const targetOffset = state * count;
    const widening = { count, source, sourceOffset, parts, target, targetOffset };
    launchWidening(lowering, { label: `${label}.final.${name}`, ...widening });
  }
}

function outputsOf(nodes: readonly GraphNode<RecurrenceAttributes>[], index: number) {
  return nodes.map(({ outputs }) => outputs[index] as SymbolicTensor);
}

function joinProjected(
  lowering: Lowering,
  label: string,
  nodes: readonly GraphNode<RecurrenceAttributes>[],
  target?: Joined,
): Joined {
  const tensors = nodes.map((node) => inputsOf(node).projected);
  const views = tensors.map((tensor) => lowering.stored(tensor));
  return joinViews(lowering, label, (tensors[0] as SymbolicTensor).size, views, target);
}

/** Projected inputs, or the tables that all tracks gather them from by the same tokens. */
function joinInputs(
  lowering: Lowering,
  label: string,
  { nodes, fed }: Tracks<RecurrenceAttributes>,
) {
  const tensors = nodes.map(({ inputs }) => inputs[0] as SymbolicTensor);
  const rows = tensors.flatMap((tensor) => lowering.deferred(tensor) ?? []);
  const [first] = rows;
  const gathers =
    first !== undefined &&
    rows.length === nodes.length &&
    rows.every(
      ({ tokens, tableRows }) =>
        tableRows === first.tableRows &&
        tokens.storage === first.tokens.storage &&
        tokens.offsetBytes === first.tokens.offsetBytes,
    );
  if (!gathers) {
    const projected = joinProjected(lowering, `${label}.projected`, nodes, fed);
    const none = { view: unusedInput(lowering), begins: nodes.map(() => 0) };
    return { gathered: undefined, projected, inputBias: none };
  }
  const floats = (tensors[0] as SymbolicTensor).shape.at(-1) as number;
  const biases = rows.map(({ bias }) => bias ?? zeros(lowering, floats));
  return {
    gathered: first,
    projected: joinViews(
      lowering,
      `${label}.tables`,
      first.tableRows * floats,
      rows.map(({ table }) => table),
    ),
    inputBias: joinViews(lowering, `${label}.input bias`, floats, biases),
  };
}

/** Zeros in place of a bias. */
function zeros(lowering: Lowering, floats: number): View {
  return floats <= 64
    ? unusedInput(lowering)
    : lowering.constant('no bias', new Uint8Array(4 * floats));
}
