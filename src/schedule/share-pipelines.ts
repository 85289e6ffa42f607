import type { TypedLaunch } from '../kernels/launch.ts';

/**
 * The launches, each with the constants and the grid of another one of the same kernel where it accepts them: then one
 * pipeline is built for both.
 */
export function sharePipelines<V>(launches: readonly TypedLaunch<V>[]): TypedLaunch<V>[] {
  const known = new Set(launches.map((launch) => identify(launch, launch.constants)));
  return launches.map(({ accepts = [], ...launch }) => {
    const shared = accepts
      .map((other) => ({
        ...launch,
        ...other,
        constants: { ...launch.constants, ...other.constants },
      }))
      .find(({ constants }) => known.has(identify(launch, constants)));
    return shared ?? launch;
  });
}

function identify(
  { kernel, cell }: TypedLaunch<unknown>,
  constants: TypedLaunch<unknown>['constants'],
): string {
  return JSON.stringify([kernel, cell, constants]);
}
