import type { NodeGroup } from './operator.ts';
import type { GraphNode, SymbolicTensor } from './tensor.ts';

/** What is lowered at once: a node, or a group. */
interface Unit {
  readonly nodes: readonly GraphNode[];
  readonly lowered: GraphNode | NodeGroup;
}

/** Groups of a graph's nodes that are lowered as one. */
export class NodeGroups {
  readonly #groupOf = new Map<GraphNode, NodeGroup>();

  /** Whether a node belongs to a group. */
  has(node: GraphNode): boolean {
    return this.#groupOf.has(node);
  }

  /** The group of a node. */
  groupOf(node: GraphNode): NodeGroup | undefined {
    return this.#groupOf.get(node);
  }

  /**
   * Whether nodes can be lowered as one: none needs another one's result, be it by way of a node outside.
   *
   * @param links - results that nodes of the group may take from each other.
   */
  canJoin(nodes: readonly GraphNode[], links: readonly SymbolicTensor[] = []): boolean {
    const own = new Set(nodes);
    if (nodes.some((node) => this.has(node))) return false;
    const inner = nodes.flatMap(({ inputs }) => inputs.filter(({ node }) => own.has(node)));
    if (inner.some((tensor) => !links.includes(tensor))) return false;
    const pending = inputsOf(nodes).filter((node) => !own.has(node));
    const visited = new Set(pending);
    for (let node = pending.pop(); node; node = pending.pop()) {
      if (own.has(node)) return false;
      for (const before of inputsOf(this.#groupOf.get(node)?.nodes ?? [node])) {
        if (visited.has(before)) continue;
        visited.add(before);
        pending.push(before);
      }
    }
    return true;
  }

  /** Adds a group of nodes that {@link canJoin}. */
  add(group: NodeGroup): void {
    for (const node of group.nodes) this.#groupOf.set(node, group);
  }

  /** The nodes in an order in which groups can be lowered, too; without groups, the given one. */
  arrange(nodes: readonly GraphNode[]): (GraphNode | NodeGroup)[] {
    const done = new Set<GraphNode>();
    const arranged: (GraphNode | NodeGroup)[] = [];
    let waiting: Unit[] = [];
    const isReady = (unit: Unit) =>
      inputsOf(unit.nodes).every((node) => done.has(node) || unit.nodes.includes(node));
    const take = (unit: Unit) => {
      for (const node of unit.nodes) done.add(node);
      arranged.push(unit.lowered);
    };
    for (const unit of this.#unitsOf(nodes)) {
      if (!isReady(unit)) {
        waiting.push(unit);
        continue;
      }
      take(unit);
      for (let next = waiting.find(isReady); next; next = waiting.find(isReady)) {
        const taken = next;
        take(taken);
        waiting = waiting.filter((other) => other !== taken);
      }
    }
    if (waiting.length > 0) throw new TypeError('groups of nodes need each other');
    return arranged;
  }

  /** Nodes and groups, a group where its last node is. */
  #unitsOf(nodes: readonly GraphNode[]): Unit[] {
    const left = new Map<NodeGroup, number>();
    return nodes.flatMap((node): Unit[] => {
      const group = this.#groupOf.get(node);
      if (!group) return [{ nodes: [node], lowered: node }];
      const count = left.get(group) ?? group.nodes.length;
      left.set(group, count - 1);
      return count === 1 ? [{ nodes: group.nodes, lowered: group }] : [];
    });
  }
}

function inputsOf(nodes: readonly GraphNode[]): GraphNode[] {
  return nodes.flatMap(({ inputs }) => inputs.map((tensor) => tensor.node));
}
