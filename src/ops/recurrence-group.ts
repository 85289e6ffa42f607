import { OptionError } from '../errors.ts';
import { NodeGroups } from '../graph/node-groups.ts';
import type { Lowering } from '../graph/operator.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import { keepsSaved } from './recurrence-launch.ts';
import { chooseRecurrenceShape } from './recurrence-shape.ts';
import {
  areAlike,
  backwardPass,
  fedInputOf,
  feedRange,
  findLink,
  forwardPass,
  type Link,
  type Pass,
  type RecurrenceNode,
  sourceOf,
} from './recurrence-stack.ts';
import { MOST_TRACKS, placeTogether, requestedWalk, type Tracks } from './recurrence-tracks.ts';
import { planWavefront } from './wavefront-choice.ts';

/**
 * Finds recurrences that can share their dispatches: stacked layers as a wavefront, where that is asked for or
 * fills the device, and those that read the same input, which the directions of a layer do.
 *
 * @throws {OptionError} if a wavefront is asked for where there can be none.
 */
export function groupRecurrences(nodes: readonly GraphNode[], lowering: Lowering): NodeGroups {
  const groups = new NodeGroups();
  if (lowering.precision === 'f16') refuseNorms(nodes);
  // One workgroup gains nothing from dispatches that others share.
  if (lowering.limits.residentLanes !== undefined) return groups;
  // Tracks lie one behind the other in buffers of float32.
  if (lowering.precision === 'f16') {
    refuseWavefronts(nodes, lowering);
    return groups;
  }
  for (const pass of [forwardPass, backwardPass]) {
    const found = nodes.filter((node) => pass.isOne(node)) as RecurrenceNode[];
    groupStacks(found, pass, groups, lowering);
    groupSiblings(found, pass, groups, lowering);
  }
  return groups;
}

/** @throws {OptionError} if a wavefront is asked for in f16. */
function refuseWavefronts(nodes: readonly GraphNode[], lowering: Lowering): void {
  const asked = nodes.find(
    (node) => forwardPass.isOne(node) && lowering.requestedStrategy(node) === 'wavefront',
  );
  if (!asked) return;
  throw new OptionError(
    `${asked.label}: strategy 'wavefront' stores float32, and precision is 'f16'. Ask for 'persistent' or ` +
      "'stepwise', or use precision: 'f32'.",
  );
}

/** @throws {OptionError} for cells with layer normalisation in f16. */
function refuseNorms(nodes: readonly GraphNode[]): void {
  const normalized = nodes.find(
    (node) => forwardPass.isOne(node) && (node as RecurrenceNode).attributes.cell.norms,
  );
  if (!normalized) return;
  throw new OptionError(
    `${normalized.label}: the cell normalises its products (layerNorm), and precision is 'f16', expected 'f32': the ` +
      'gradients of rows with little variance do not fit into f16. Leave one of them out.',
  );
}

function groupStacks(
  found: readonly RecurrenceNode[],
  pass: Pass,
  groups: NodeGroups,
  lowering: Lowering,
): void {
  const problems: string[] = [];
  const links = new Map<RecurrenceNode, Link>();
  const following = new Map<RecurrenceNode, RecurrenceNode>();
  for (const node of found) {
    const link = findLink(node, pass);
    if (typeof link === 'string') problems.push(link);
    if (typeof link !== 'object' || following.has(link.before)) continue;
    links.set(node, link);
    following.set(link.before, node);
  }
  for (const bottom of found.filter((node) => !links.has(node))) {
    const layers: RecurrenceNode[] = [];
    for (let node: RecurrenceNode | undefined = bottom; node; node = following.get(node)) {
      layers.push(node);
    }
    for (let begin = 0; begin < layers.length; begin += MOST_TRACKS) {
      const stack = layers.slice(begin, begin + MOST_TRACKS);
      const problem = addStack(stack, links, pass, groups, lowering);
      if (problem) problems.push(problem);
    }
  }
  const asked = found.filter(
    (node) => lowering.requestedStrategy(node as GraphNode) === 'wavefront',
  );
  const [first] = asked;
  if (!first || asked.some((node) => groups.has(node as GraphNode))) return;
  throw new OptionError(
    `${first.label}: strategy 'wavefront' runs stacked layers side by side, but ` +
      `${problems[0] ?? 'no recurrent layer here reads the output of another one'}. Stack layers of one cell, ` +
      "hidden size and direction (layers: 2 or more), or ask for 'persistent' or 'stepwise'.",
  );
}

/** Groups some layers into a wavefront where that is wanted; says why if it cannot be. */
function addStack(
  layers: readonly RecurrenceNode[],
  links: ReadonlyMap<RecurrenceNode, Link>,
  pass: Pass,
  groups: NodeGroups,
  lowering: Lowering,
): string | undefined {
  const [first] = layers as [RecurrenceNode];
  if (layers.length < 2) return undefined;
  const choice = chooseWavefront(layers, pass, lowering);
  if (!choice) return undefined;
  const upper = layers.slice(1);
  const between = upper.flatMap((node) => links.get(node)?.between ?? []);
  const nodes = [...layers, ...between] as GraphNode[];
  const fed = layers.map((node) => pass.fed(node));
  const passed = [...fed, ...between.map((node) => fedInputOf(node))];
  if (
    !groups.canJoin(
      nodes,
      passed.filter((tensor) => tensor !== undefined),
    )
  ) {
    return `'${first.label}' and the layers on it need each other in other ways, too`;
  }
  if (bytesOf(layers) > lowering.limits.maxStorageBufferBindingSize) {
    return (
      `a buffer for ${layers.length} layers takes ${bytesOf(layers)} bytes, this adapter binds ` +
      `${lowering.limits.maxStorageBufferBindingSize}`
    );
  }
  const target = placeTogether(lowering, fed);
  if (!target) return `'${first.label}' or a layer on it shares its input with another one`;
  const tracks: Tracks<RecurrenceNode['attributes']> = {
    nodes: layers,
    reason: choice.reason,
    fed: target,
    wavefront: {
      chunk: choice.chunk,
      feed(plan, range, suffix) {
        const node = layers[range.track] as RecurrenceNode;
        const link = range.track > 0 ? links.get(node) : undefined;
        if (link) feedRange(plan, pass, node, link.between, range, suffix);
      },
    },
  };
  groups.add({
    nodes,
    lower(plan) {
      for (const tensor of fed.slice(1)) plan.output(tensor as SymbolicTensor);
      pass.lower(tracks, plan);
    },
  });
  return undefined;
}

/** How stacked layers should run as a wavefront, and why; undefined if they should not. */
function chooseWavefront(
  layers: readonly RecurrenceNode[],
  pass: Pass,
  lowering: Lowering,
): { chunk: number; reason: string } | undefined {
  const requested = layers.map((node) => lowering.requestedStrategy(node as GraphNode));
  const isAsked = requested.includes('wavefront');
  if (!isAsked && requested.some((strategy) => strategy !== undefined)) return undefined;
  const [first] = layers as [RecurrenceNode];
  const { attributes } = first;
  const walk = requestedWalk(lowering, first as GraphNode);
  const trains = pass.direction === 'backward' || keepsSaved(layers, lowering);
  const shape = chooseRecurrenceShape(lowering, attributes, {
    direction: pass.direction,
    requested: walk,
    trains,
    tracks: layers.length,
  });
  const { chunk, advantage } = planWavefront(lowering.limits, attributes, shape, layers.length);
  const reason = isAsked ? 'asked for' : advantage;
  return reason === undefined ? undefined : { chunk, reason };
}

/** Groups recurrences that read the same input: the directions of a layer. */
function groupSiblings(
  found: readonly RecurrenceNode[],
  pass: Pass,
  groups: NodeGroups,
  lowering: Lowering,
): void {
  const sets: RecurrenceNode[][] = [];
  for (const node of found) {
    if (groups.has(node as GraphNode)) continue;
    const set = sets.find(
      ([other, ...more]) =>
        other &&
        more.length + 1 < MOST_TRACKS &&
        areAlike(node, other) &&
        areSiblings(node, other, pass, groups) &&
        requestedWalk(lowering, node) === requestedWalk(lowering, other),
    );
    if (set) set.push(node);
    else sets.push([node]);
  }
  for (const nodes of sets) {
    if (nodes.length < 2 || !groups.canJoin(nodes as GraphNode[])) continue;
    if (bytesOf(nodes) > lowering.limits.maxStorageBufferBindingSize) continue;
    const target = placeTogether(
      lowering,
      nodes.map((node) => pass.fed(node)),
    );
    const reason = `${nodes.length} recurrences that read the same input share their dispatches`;
    const tracks = { nodes, reason, ...(target && { fed: target }) };
    groups.add({ nodes: nodes as GraphNode[], lower: (plan) => pass.lower(tracks, plan) });
  }
}

/** Whether recurrences are fed from one tensor; whether gradients are those of recurrences in one group. */
function areSiblings(
  a: RecurrenceNode,
  b: RecurrenceNode,
  pass: Pass,
  groups: NodeGroups,
): boolean {
  if (pass.direction === 'forward') {
    const [one, other] = [sourceOf(a, pass), sourceOf(b, pass)];
    return one.from !== undefined && one.from === other.from && one.by === other.by;
  }
  const [one, other] = [a, b].map(({ inputs }) => groups.groupOf(inputs[1]?.node as GraphNode));
  return one !== undefined && one === other;
}

/** The largest tensor of recurrences in one buffer. */
function bytesOf(nodes: readonly RecurrenceNode[]): number {
  const sizes = nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
  return 4 * nodes.length * Math.max(...sizes.map(({ size }) => size + 64));
}
