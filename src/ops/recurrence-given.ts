import type { Lowering, View } from '../graph/operator.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { launchStridedCopy } from './copy-strided.ts';
import { type ExtraInputs, listExtras } from './recurrence-extras.ts';
import { alignFloats, type Joined, joinViews, scratchTogether } from './recurrence-tracks.ts';

/** What a recurrence is given beside its states: numbers of a view, from `offset` on. */
export interface GivenPart {
  readonly name: string;
  readonly view: View;
  readonly offset: number;
  readonly floats: number;
}

/** The buffer `given` of the recurrence kernels: where each track's states and its extras begin. */
export interface Given {
  readonly states: Joined;
  readonly extras: readonly number[];
}

/** The extras of one recurrence as they are to lie in the kernel's buffer. */
export function givenExtras(lowering: Lowering, extras: ExtraInputs<SymbolicTensor>): GivenPart[] {
  return listExtras(extras).map((tensor) => ({
    name: tensor.label,
    view: lowering.view(tensor),
    offset: 0,
    floats: tensor.size,
  }));
}

/**
 * Joins what tracks are given: states alone are bound where they are; with extras, all of a track is copied into
 * one place, since a kernel binds eight buffers at most.
 *
 * @param floats - Numbers of a track's states.
 */
export function joinGiven(
  lowering: Lowering,
  label: string,
  floats: number,
  states: readonly View[],
  extras: readonly (readonly GivenPart[])[],
): Given {
  const [first = []] = extras;
  if (first.length === 0) {
    return { states: joinViews(lowering, label, floats, states), extras: states.map(() => 0) };
  }
  const total = floats + first.reduce((sum, part) => sum + part.floats, 0);
  const joined = scratchTogether(lowering, label, states.length, alignFloats(total));
  for (const [track, view] of states.entries()) {
    let begin = joined.begins[track] as number;
    const parts = [{ name: 'states', view, offset: 0, floats }, ...(extras[track] ?? [])];
    for (const part of parts) {
      launchStridedCopy(lowering, {
        label: `${label}.${part.name}${states.length > 1 ? `.${track}` : ''}`,
        source: part.view,
        sourceOffset: part.offset,
        sourceStrides: [1],
        target: joined.view,
        targetOffset: begin,
        targetStrides: [1],
        extents: [part.floats],
      });
      begin += part.floats;
    }
  }
  return { states: joined, extras: joined.begins.map((begin) => begin + floats) };
}
