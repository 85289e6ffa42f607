import type { TypedLaunch } from '../kernels/launch.ts';

/**
 * The launches, each with the constants and the grid of another one of the same kernel where it accepts them: then one
 * pipeline is built for both.
 */
export function sharePipelines<V>(launches: readonly TypedLaunch<V>[]): TypedLaunch<V>[] {
  const known = new Set(launches.map((launch) => identify(launch, launch.constants)));
  return launches.flatMap(({ accepts = [], ...launch }) => {
    const shared = accepts
      .map(({ followers = () => [], ...other }) => ({
        followers,
        launch: { ...launch, ...other, constants: { ...launch.constants, ...other.constants } },
      }))
      .find((other) => known.has(identify(launch, other.launch.constants)));
    return shared ? [shared.launch, ...shared.followers()] : [launch];
  });
}

function identify(
  { kernel, cell }: TypedLaunch<unknown>,
  constants: TypedLaunch<unknown>['constants'],
): string {
  return JSON.stringify([kernel, cell, constants]);
}
