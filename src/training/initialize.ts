import { Random, streamOf } from '../random.ts';
import type { ParameterLayout } from '../schedule/parameter-layout.ts';
import type { NamedArrays } from './engine.ts';

/** First values of all parameters; each draws from a stream of its own, so order does not matter. */
export function initializeParameters(layout: ParameterLayout, seed: number): NamedArrays {
  const values: NamedArrays = new Map();
  for (const [name, { parameter }] of layout.slots) {
    const random = new Random(seed, streamOf(name));
    values.set(name, parameter.initialize(parameter.shape, random));
  }
  return values;
}

/** Number of trainable values. */
export function countParameters(layout: ParameterLayout): number {
  return [...layout.slots.values()].reduce((sum, { size }) => sum + size, 0);
}
