import type { Operator } from './operator.ts';

/** Element types of tensors: 32-bit floats, and 32-bit integers for tokens and indices. */
export type DType = 'f32' | 'i32';

/** Shape and element type of a tensor. */
export interface TensorType {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * The result of a graph node that has not been computed yet.
 *
 * Layers and operators take and return symbolic tensors; the scheduler lowers them to GPU launches and
 * the reference evaluates them in float64.
 */
export class SymbolicTensor implements TensorType {
  readonly shape: readonly number[];
  readonly dtype: DType;

  constructor(
    readonly node: GraphNode,
    readonly index: number,
    type: TensorType,
  ) {
    this.shape = type.shape;
    this.dtype = type.dtype;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Path for messages, e.g. `lstm/recurrence` or `lstm/recurrence:1` for a further output. */
  get label(): string {
    return this.index === 0 ? this.node.label : `${this.node.label}:${this.index}`;
  }
}

/** One operator applied to its inputs. Attributes are plain data, fixed when the node is made. */
export interface GraphNode<A = unknown> {
  readonly op: Operator<A>;
  readonly attributes: A;
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
  readonly label: string;
}

/** Number of elements of a shape; 1 for a scalar's `[]`. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Index of the element that lies at position `at` of a row-major tensor: 5 in [2, 3] is [1, 2]. */
export function indexAt(shape: readonly number[], at: number): number[] {
  const index: number[] = [];
  let rest = at;
  for (const extent of shape.toReversed()) {
    index.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return index;
}

/** `[2, 3]` as it stands in messages. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/**
 * Applies an operator. The operator's shape rule runs here, so a mistake is reported where it is made.
 *
 * @returns the node's outputs, in the operator's order.
 * @throws {ShapeError} from the operator's shape rule.
 */
export function applyOperator<A>(
  op: Operator<A>,
  inputs: readonly SymbolicTensor[],
  attributes: A,
  label: string,
): readonly SymbolicTensor[] {
  const outputs: SymbolicTensor[] = [];
  const node: GraphNode<A> = { op, attributes, inputs, outputs, label };
  for (const [index, type] of op.infer(inputs, attributes, label).entries()) {
    outputs.push(new SymbolicTensor(node as GraphNode, index, type));
  }
  return outputs;
}

/** Like {@link applyOperator}, for operators whose first output is the one of interest. */
export function applyUnary<A>(
  op: Operator<A>,
  inputs: readonly SymbolicTensor[],
  attributes: A,
  label: string,
): SymbolicTensor {
  const [first] = applyOperator(op, inputs, attributes, label);
  if (!first) throw new TypeError(`operator ${op.name} declares no output`);
  return first;
}

/** Every node that `outputs` depend on, inputs before users, in a deterministic order. */
export function sortNodes(outputs: Iterable<SymbolicTensor>): GraphNode[] {
  const sorted: GraphNode[] = [];
  const visited = new Set<GraphNode>();
  for (const output of outputs) {
    // Depth-first with an explicit stack: encoder-decoder graphs may be deep.
    const stack: { node: GraphNode; next: number }[] = [{ node: output.node, next: 0 }];
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: GraphNode; next: number };
      if (top.next === 0 && visited.has(top.node)) {
        stack.pop();
        continue;
      }
      const input = top.node.inputs[top.next++];
      if (input) {
        if (!visited.has(input.node)) stack.push({ node: input.node, next: 0 });
      } else {
        stack.pop();
        if (!visited.has(top.node)) {
          visited.add(top.node);
          sorted.push(top.node);
        }
      }
    }
  }
  return sorted;
}
