import type { NamedTensor } from '../../interop/safetensors.ts';
import type { TensorArray } from '../../training/run-graph.ts';

/** What running a case came to, before anything is compared. */
export type CaseRun =
  | { readonly status: 'done'; readonly tensors: ReadonlyMap<string, NamedTensor> }
  | { readonly status: 'unsupported'; readonly reason: string }
  | { readonly status: 'error'; readonly reason: string };

/** A result as it goes into a results file; the data is copied. */
export function toNamedTensor(data: TensorArray, shape: readonly number[]): NamedTensor {
  return data instanceof Int32Array
    ? { dtype: 'I32', shape: [...shape], data: new Int32Array(data) }
    : { dtype: 'F32', shape: [...shape], data: new Float32Array(data) };
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
