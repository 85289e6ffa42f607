import { ShapeError } from '../errors.ts';
import type { Random } from '../random.ts';
import type { Operator, Values } from './operator.ts';
import {
  applyUnary,
  type DType,
  type GraphNode,
  type SymbolicTensor,
  sizeOf,
  sortNodes,
} from './tensor.ts';

/** Draws the first values of a parameter; `random` is already set to the parameter's own stream. */
export type Initializer = (shape: readonly number[], random: Random) => Float32Array;

/** A trainable tensor: its name in files, its shape in PyTorch's layout, and its first values. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initialize: Initializer;
}

interface NamedSource {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

function defineSource(name: string): Operator<NamedSource> {
  return {
    name,
    infer(_inputs, { shape, dtype }, label) {
      if (shape.some((extent) => !Number.isSafeInteger(extent) || extent < 1)) {
        throw new ShapeError(
          `${label}: shape is [${shape.join(', ')}], every extent must be a positive integer.`,
        );
      }
      return [{ shape, dtype }];
    },
    evaluate() {
      throw new TypeError(`${name} values are given to the interpreter, never computed`);
    },
  };
}

/** A tensor the caller feeds: data of a batch, or an argument of `forward`. */
export const inputSource = defineSource('input');

/** A tensor kept between steps: the recurrent state of stateful training and of streaming. */
export const stateSource = defineSource('state');

/** A trainable tensor. */
export const parameterSource: Operator<{ readonly parameter: Parameter }> = {
  name: 'parameter',
  infer: (_inputs, { parameter }) => [{ shape: parameter.shape, dtype: 'f32' }],
  evaluate() {
    throw new TypeError('parameter values are given to the interpreter, never computed');
  },
};

/** A tensor whose elements all have one value: zero initial states, the loss's own gradient. */
export const fillSource: Operator<{ readonly shape: readonly number[]; readonly value: number }> = {
  name: 'fill',
  infer: (_inputs, { shape }) => [{ shape, dtype: 'f32' }],
  evaluate: (_inputs, { shape, value }): Values[] => [new Float64Array(sizeOf(shape)).fill(value)],
  lower(node, lowering) {
    const [output] = node.outputs as [SymbolicTensor];
    const content = new Float32Array(output.size).fill(node.attributes.value);
    lowering.define(output, lowering.constant(node.label, new Uint8Array(content.buffer)));
  },
};

/** A symbolic input tensor. */
export function input(
  name: string,
  shape: readonly number[],
  dtype: DType = 'f32',
): SymbolicTensor {
  return applyUnary(inputSource, [], { name, shape, dtype }, name);
}

/** A symbolic tensor that survives from step to step; see the trainer's `stateful` option. */
export function state(name: string, shape: readonly number[]): SymbolicTensor {
  return applyUnary(stateSource, [], { name, shape, dtype: 'f32' }, name);
}

/** A tensor filled with one value. */
export function fill(
  shape: readonly number[],
  value: number,
  label = `fill ${value}`,
): SymbolicTensor {
  return applyUnary(fillSource, [], { shape, value }, label);
}

/** The symbolic tensor of a parameter. */
export function parameter(definition: Parameter): SymbolicTensor {
  return applyUnary(parameterSource, [], { parameter: definition }, definition.name);
}

/** The parameter that a node stands for, if it stands for one. */
export function parameterOf(node: GraphNode): Parameter | undefined {
  return node.op === parameterSource
    ? (node.attributes as { parameter: Parameter }).parameter
    : undefined;
}

/** Whether a tensor depends on nothing that is fed or carried on: it is made of parameters and constants. */
export function isFixed(tensor: SymbolicTensor): boolean {
  const varying: readonly unknown[] = [inputSource, stateSource];
  return sortNodes([tensor]).every(({ op }) => !varying.includes(op));
}

/** The name that an input or state node stands for, if it stands for one. */
export function sourceName(node: GraphNode, source: Operator<NamedSource>): string | undefined {
  return node.op === (source as unknown) ? (node.attributes as NamedSource).name : undefined;
}
