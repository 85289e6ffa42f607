import type { Parameter } from '../graph/sources.ts';
import { sizeOf } from '../graph/tensor.ts';

/** Where one parameter lies in the flat parameter, gradient and moment buffers. */
export interface ParameterSlot {
  readonly parameter: Parameter;
  readonly offsetFloats: number;
  readonly size: number;
}

/** The flat layout that parameters, gradients and optimizer moments share. */
export interface ParameterLayout {
  readonly slots: ReadonlyMap<string, ParameterSlot>;
  readonly totalFloats: number;
}

/** Every parameter begins at a multiple of this, so that it can be bound on its own. */
const ALIGNMENT_FLOATS = 64;

/** Lays parameters out one after another. The gaps hold zeros and stay zero. */
export function layOutParameters(parameters: Iterable<Parameter>): ParameterLayout {
  const slots = new Map<string, ParameterSlot>();
  let offsetFloats = 0;
  for (const parameter of parameters) {
    const size = sizeOf(parameter.shape);
    slots.set(parameter.name, { parameter, offsetFloats, size });
    offsetFloats += Math.ceil(size / ALIGNMENT_FLOATS) * ALIGNMENT_FLOATS;
  }
  return { slots, totalFloats: Math.max(ALIGNMENT_FLOATS, offsetFloats) };
}
