import { OptionError } from '../errors.ts';
import type { Operator, Values } from '../graph/operator.ts';
import { applyUnary, type GraphNode, type SymbolicTensor } from '../graph/tensor.ts';
import { unary } from '../kernels/generated/unary.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { splitGrid } from './grid.ts';
import { definePairGradient, requireFloats } from './pointwise.ts';

/** Codes of `shaders/kernels/unary.wgsl`. */
const codes = { scale: 0, tanh: 1, sigmoid: 2, relu: 3, square: 4, exp: 5, log: 6 } as const;

interface UnaryAttributes {
  /** What `scale` multiplies with; 1 for the others. */
  readonly factor: number;
}

interface UnaryDefinition {
  readonly name: keyof typeof codes;
  /** Operations per element, for the cost of a launch. */
  readonly flops: number;
  readonly compute: (x: number, factor: number) => number;
  readonly gradient: (node: GraphNode<UnaryAttributes>, dy: SymbolicTensor) => SymbolicTensor;
}

function defineUnary(definition: UnaryDefinition): Operator<UnaryAttributes> {
  const { name, flops, compute } = definition;
  return {
    name,
    infer: ([x], _attributes, label) => [{ shape: requireFloats(x, label).shape, dtype: 'f32' }],
    differentiate: (node, [dy]) => (dy ? [definition.gradient(node, dy)] : []),
    evaluate: ([x], { factor }) => [
      Float64Array.from(x as Values, (value) => compute(value, factor)),
    ],
    lower(node, lowering) {
      const [x] = node.inputs as [SymbolicTensor];
      const [y] = node.outputs as [SymbolicTensor];
      lowering.launch(
        defineLaunch(unary, {
          label: node.label,
          constants: { operation: codes[name], count: x.size, factor: node.attributes.factor },
          bindings: { x: lowering.view(x), y: lowering.output(y) },
          workgroups: splitGrid(Math.ceil(x.size / 256)),
          cost: { flops: flops * x.size, readBytes: 4 * x.size, writtenBytes: 4 * x.size },
        }),
      );
    },
  };
}

/** A gradient that needs what the function gave. */
function fromOutput(operator: Operator<null>): UnaryDefinition['gradient'] {
  return (node, dy) =>
    applyUnary(operator, [node.outputs[0] as SymbolicTensor, dy], null, `${node.label}.gradient`);
}

/** A gradient that needs what the function took. */
function fromInput(operator: Operator<null>): UnaryDefinition['gradient'] {
  return (node, dy) =>
    applyUnary(operator, [node.inputs[0] as SymbolicTensor, dy], null, `${node.label}.gradient`);
}

const scaleOperator = defineUnary({
  name: 'scale',
  flops: 1,
  compute: (x, factor) => factor * x,
  gradient: ({ label, attributes }, dy) => scale(dy, attributes.factor, `${label}.gradient`),
});

const tanhOperator = defineUnary({
  name: 'tanh',
  flops: 20,
  compute: Math.tanh,
  gradient: fromOutput(
    definePairGradient('tanh-gradient', 'tanhGradient', (y, dy) => dy * (1 - y * y)),
  ),
});

const sigmoidOperator = defineUnary({
  name: 'sigmoid',
  flops: 10,
  compute: (x) => 1 / (1 + Math.exp(-x)),
  gradient: fromOutput(
    definePairGradient('sigmoid-gradient', 'sigmoidGradient', (y, dy) => dy * y * (1 - y)),
  ),
});

const reluOperator = defineUnary({
  name: 'relu',
  flops: 1,
  compute: (x) => Math.max(x, 0),
  gradient: fromOutput(
    definePairGradient('relu-gradient', 'reluGradient', (y, dy) => (y > 0 ? dy : 0)),
  ),
});

const squareOperator = defineUnary({
  name: 'square',
  flops: 1,
  compute: (x) => x * x,
  gradient: fromInput(
    definePairGradient('square-gradient', 'squareGradient', (x, dy) => 2 * x * dy),
  ),
});

const expOperator = defineUnary({
  name: 'exp',
  flops: 5,
  compute: Math.exp,
  gradient: fromOutput(definePairGradient('exp-gradient', 'multiply', (y, dy) => y * dy)),
});

const logGradient = definePairGradient('log-gradient', 'divide', (dy, x) => dy / x);

const logOperator = defineUnary({
  name: 'log',
  flops: 5,
  compute: Math.log,
  gradient: ({ inputs, label }, dy) =>
    applyUnary(logGradient, [dy, inputs[0] as SymbolicTensor], null, `${label}.gradient`),
});

/**
 * x times a number, element by element.
 *
 * @throws {OptionError} if `factor` is no finite number.
 */
export function scale(x: SymbolicTensor, factor: number, label = 'scale'): SymbolicTensor {
  if (!Number.isFinite(factor)) {
    throw new OptionError(`${label}: factor is ${factor}, expected a finite number.`);
  }
  return applyUnary(scaleOperator, [x], { factor }, label);
}

/** −x, element by element. */
export function negate(x: SymbolicTensor, label = 'negate'): SymbolicTensor {
  return scale(x, -1, label);
}

/** tanh x, element by element. */
export function tanh(x: SymbolicTensor, label = 'tanh'): SymbolicTensor {
  return applyUnary(tanhOperator, [x], { factor: 1 }, label);
}

/** The logistic function 1 / (1 + e⁻ˣ), element by element. */
export function sigmoid(x: SymbolicTensor, label = 'sigmoid'): SymbolicTensor {
  return applyUnary(sigmoidOperator, [x], { factor: 1 }, label);
}

/** max(x, 0), element by element; its gradient at 0 is 0. */
export function relu(x: SymbolicTensor, label = 'relu'): SymbolicTensor {
  return applyUnary(reluOperator, [x], { factor: 1 }, label);
}

/** x², element by element. */
export function square(x: SymbolicTensor, label = 'square'): SymbolicTensor {
  return applyUnary(squareOperator, [x], { factor: 1 }, label);
}

/** eˣ, element by element. */
export function exp(x: SymbolicTensor, label = 'exp'): SymbolicTensor {
  return applyUnary(expOperator, [x], { factor: 1 }, label);
}

/** The natural logarithm, element by element. */
export function log(x: SymbolicTensor, label = 'log'): SymbolicTensor {
  return applyUnary(logOperator, [x], { factor: 1 }, label);
}
