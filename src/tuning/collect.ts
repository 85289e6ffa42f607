import type { ShapeSource, Tunable } from '../graph/tunable.ts';

/** A choice that plans leave open, and how much of their work depends on it. */
export interface OpenChoice {
  readonly tunable: Tunable;
  /** Launches in all plans that ask for it. */
  readonly launches: number;
}

/**
 * The choices that plans leave open, those with most FLOPs first.
 *
 * @param makePlans - schedules every plan of interest with the given source.
 */
export function collectTunables(makePlans: (tuning: ShapeSource) => void): OpenChoice[] {
  const found = new Map<string, { tunable: Tunable; launches: number }>();
  makePlans((tunable) => {
    const known = found.get(tunable.key);
    if (known) known.launches += 1;
    // Whoever measures gives a tunable nothing but shapes that it has proposed itself.
    else found.set(tunable.key, { tunable: tunable as unknown as Tunable, launches: 1 });
    return undefined;
  });
  return [...found.values()].sort((a, b) => workOf(b) - workOf(a));
}

/** FLOPs of all launches that a choice decides. */
export function workOf({ tunable, launches }: OpenChoice): number {
  return launches * tunable.flops;
}
