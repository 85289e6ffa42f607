import type { TypedLaunch } from '../kernels/launch.ts';

/**
 * The launches, each with the constants of another one of the same kernel where it accepts them: then one
 * pipeline is built for both.
 */
export function sharePipelines<V>(launches: readonly TypedLaunch<V>[]): TypedLaunch<V>[] {
  const known = new Set(launches.map((launch) => identify(launch, launch.constants)));
  return launches.map(({ accepts, ...launch }) => {
    const constants = { ...launch.constants, ...accepts };
    return accepts && known.has(identify(launch, constants)) ? { ...launch, constants } : launch;
  });
}

function identify(
  { kernel, cell }: TypedLaunch<unknown>,
  constants: TypedLaunch<unknown>['constants'],
): string {
  return JSON.stringify([kernel, cell, constants]);
}
