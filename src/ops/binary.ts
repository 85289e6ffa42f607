import { ShapeError } from '../errors.ts';
import type { Operator } from '../graph/operator.ts';
import { applyUnary, formatShape, type GraphNode, type SymbolicTensor } from '../graph/tensor.ts';
import { evaluatePairs, launchPair, requireFloats } from './pointwise.ts';
import { isTrailingShape, sumLeading } from './reduce.ts';
import { negate } from './unary.ts';

interface BinaryDefinition {
  readonly name: 'add' | 'subtract' | 'multiply' | 'divide';
  readonly compute: (a: number, b: number) => number;
  /** Gradient of the left operand. */
  readonly left: (node: GraphNode, dy: SymbolicTensor, label: string) => SymbolicTensor;
  /** Gradient of the right operand, still of the output's shape. */
  readonly right: (node: GraphNode, dy: SymbolicTensor, label: string) => SymbolicTensor;
}

function defineBinary({ name, compute, left, right }: BinaryDefinition): Operator<null> {
  return {
    name,
    infer([a, b], _attributes, label) {
      const [{ shape }, { shape: rightShape }] = [
        requireFloats(a, label, 'left operand'),
        requireFloats(b, label, 'right operand'),
      ];
      if (!isTrailingShape(rightShape, shape)) {
        throw new ShapeError(
          `${label}: left operand is ${formatShape(shape)}, right operand is ` +
            `${formatShape(rightShape)}, expected ${formatShape(shape)} or its last axes. ` +
            (isTrailingShape(shape, rightShape)
              ? 'Exchange the operands.'
              : 'Reshape one of them.'),
        );
      }
      return [{ shape, dtype: 'f32' }];
    },
    differentiate(node, [dy], [needsLeft, needsRight]) {
      if (!dy) return [];
      const { label, inputs } = node as GraphNode;
      const shape = (inputs[1] as SymbolicTensor).shape;
      const dLeft = needsLeft ? left(node as GraphNode, dy, `${label}.d_left`) : undefined;
      if (!needsRight) return [dLeft];
      const whole = right(node as GraphNode, dy, `${label}.d_right`);
      return [
        dLeft,
        whole.shape.length === shape.length
          ? whole
          : sumLeading(whole, shape, 1, `${label}.d_right.sum`),
      ];
    },
    evaluate: (inputs) => [evaluatePairs(inputs, compute)],
    lower: (node, lowering) => launchPair(node as GraphNode, lowering, name),
  };
}

const addOperator = defineBinary({
  name: 'add',
  compute: (a, b) => a + b,
  left: (_node, dy) => dy,
  right: (_node, dy) => dy,
});

const subtractOperator = defineBinary({
  name: 'subtract',
  compute: (a, b) => a - b,
  left: (_node, dy) => dy,
  right: (_node, dy, label) => negate(dy, label),
});

const multiplyOperator = defineBinary({
  name: 'multiply',
  compute: (a, b) => a * b,
  left: ({ inputs }, dy, label) => multiply(dy, inputs[1] as SymbolicTensor, label),
  right: ({ inputs }, dy, label) => multiply(dy, inputs[0] as SymbolicTensor, label),
});

const divideOperator = defineBinary({
  name: 'divide',
  compute: (a, b) => a / b,
  left: ({ inputs }, dy, label) => divide(dy, inputs[1] as SymbolicTensor, label),
  right({ inputs, outputs }, dy, label) {
    const product = multiply(dy, outputs[0] as SymbolicTensor, `${label}.product`);
    const quotient = divide(product, inputs[1] as SymbolicTensor, `${label}.quotient`);
    return negate(quotient, label);
  },
});

/**
 * a + b, element by element.
 *
 * @param a - [..., N].
 * @param b - a's shape, or its last axes: [N] is added to every row.
 * @throws {ShapeError} if the shapes do not fit.
 */
export function add(a: SymbolicTensor, b: SymbolicTensor, label = 'add'): SymbolicTensor {
  return applyUnary(addOperator, [a, b], null, label);
}

/** a − b, element by element; shapes as in {@link add}. */
export function subtract(a: SymbolicTensor, b: SymbolicTensor, label = 'subtract'): SymbolicTensor {
  return applyUnary(subtractOperator, [a, b], null, label);
}

/** a · b, element by element; shapes as in {@link add}. */
export function multiply(a: SymbolicTensor, b: SymbolicTensor, label = 'multiply'): SymbolicTensor {
  return applyUnary(multiplyOperator, [a, b], null, label);
}

/** a / b, element by element; shapes as in {@link add}. */
export function divide(a: SymbolicTensor, b: SymbolicTensor, label = 'divide'): SymbolicTensor {
  return applyUnary(divideOperator, [a, b], null, label);
}
