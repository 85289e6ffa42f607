import type { DeviceInfo } from '../device/adapter.ts';
import {
  describeAxes,
  orderAxes,
  type SettledShape,
  type ShapeSource,
  type Tunable,
} from '../graph/tunable.ts';
import { formatMs, isSameAdapter, nameAdapter, type TunedShape, type Tuning } from './tuning.ts';

/**
 * Settles shapes by what was measured on this adapter. Whatever cannot be used is left to the rule, and the
 * reason says so in `explain()`.
 *
 * @param tunings - of several adapters, if need be: the first of this adapter that has a kernel counts.
 */
export function useTunings(tunings: readonly Tuning[], adapter: DeviceInfo): ShapeSource {
  const fitting = tunings.filter((tuning) => isSameAdapter(tuning.adapter, adapter));
  const names = [...new Set(tunings.map((tuning) => nameAdapter(tuning.adapter)))].join(', ');
  return (tunable) => {
    if (fitting.length === 0) {
      const got = names ? `is of ${names}` : 'is empty';
      return leave(tunable, `the tuning ${got}, this is ${nameAdapter(adapter)}`);
    }
    for (const { shapes } of fitting) {
      const entry = Object.hasOwn(shapes, tunable.key) ? shapes[tunable.key] : undefined;
      if (entry) return settle(tunable, entry);
    }
    return leave(tunable, `the tuning has no '${tunable.key}'`);
  };
}

/** What is wrong with a stored shape for this kernel on this adapter, if anything. */
export function refuseStored<S extends object>(
  tunable: Tunable<S>,
  { shape }: TunedShape,
): string | undefined {
  const axes = Object.entries(tunable.builtIn);
  const fits =
    Object.keys(shape).length === axes.length &&
    axes.every(([axis, value]) => typeof shape[axis] === typeof value);
  if (!fits)
    return `its axes are '${describeAxes(shape)}', expected those of '${describeAxes(tunable.builtIn)}'`;
  return tunable.refuse(shape as unknown as S);
}

function settle<S extends object>(tunable: Tunable<S>, entry: TunedShape): SettledShape<S> {
  const refusal = refuseStored(tunable, entry);
  if (refusal) return leave(tunable, `the measured shape is refused: ${refusal}`);
  const { ms, ruleMs } = entry;
  const { builtIn } = tunable;
  const shape = orderAxes(entry.shape as unknown as S, builtIn);
  if (describeAxes(shape) === describeAxes(builtIn)) {
    return { shape: builtIn, reason: `measured: nothing beat it, ${formatMs(ms)}` };
  }
  return {
    shape,
    reason: `measured: ${formatMs(ms)}, the rule's shape ${formatMs(ruleMs)}`,
  };
}

function leave<S extends object>(tunable: Tunable<S>, why: string): SettledShape<S> {
  return { shape: tunable.builtIn, reason: `by the rule, not measured: ${why}` };
}
