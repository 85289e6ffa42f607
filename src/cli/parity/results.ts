import type { NamedTensor } from '../../interop/safetensors.ts';
import type { TensorArray } from '../../training/run-graph.ts';

/** What running a case came to, before anything is compared. */
export type CaseRun =
  | { readonly status: 'done'; readonly tensors: ReadonlyMap<string, NamedTensor> }
  | { readonly status: 'unsupported'; readonly reason: string }
  | { readonly status: 'error'; readonly reason: string };

/** A result as it goes into a results file. */
export function toNamedTensor(data: TensorArray, shape: readonly number[]): NamedTensor {
  return { dtype: data instanceof Int32Array ? 'I32' : 'F32', shape: [...shape], data };
}

/** A tensor of a case as the library takes it. */
export function toTensorArray({ data }: NamedTensor): TensorArray {
  if (data instanceof Float32Array || data instanceof Int32Array) return data;
  throw new TypeError(`case tensors are F32 or I32, got a ${data.constructor.name}`);
}

/** Zeros for a gradient that does not depend on anything. */
export function makeZeros(shape: readonly number[]): NamedTensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return toNamedTensor(new Float32Array(size), shape);
}
