import type { Plan } from '../schedule/plan.ts';
import { bindLaunches, type ResolvedLaunch } from './bind.ts';
import type { DeviceCore, Watch } from './core.ts';
import { type Command, encodeCommands } from './encode.ts';

/** Launches of a plan's first repetition that run while others are still being built. */
export interface HeadStart {
  /** From the plan's first launch on. */
  readonly commands: readonly Command[];
  /** Whether what they computed stands: nothing else has changed a buffer of the plan since. */
  stands(): boolean;
}

/**
 * Submits a plan's first launches as soon as their pipelines are there, up to the first that changes a shared
 * buffer, so that running them again later does no harm. It ends when every pipeline is built.
 *
 * For software adapters, which build pipelines one after another and leave cores idle meanwhile
 * (docs/adr/0044-head-start.md).
 *
 * @throws what {@link bindLaunches} throws.
 */
export async function runAhead(
  core: DeviceCore,
  plan: Plan,
  launches: readonly ResolvedLaunch[],
  buffers: readonly GPUBuffer[],
): Promise<HeadStart> {
  const action = `begin plan '${plan.name}'`;
  const built = new Set<ResolvedLaunch>();
  for (const launch of launches) {
    launch.building.then(
      () => built.add(launch),
      () => undefined,
    );
  }
  const end = countRepeatable(plan, launches);
  const commands: Command[] = [];
  let watch: Watch | undefined;
  while (commands.length < end) {
    await launches[commands.length]?.building;
    if (built.size === launches.length) break;
    const waiting = launches.findIndex((launch) => !built.has(launch));
    const part = launches.slice(commands.length, Math.min(waiting, end));
    const ready = await bindLaunches(core, action, part, buffers);
    commands.push(...ready);
    if (watch?.changed) break;
    watch ??= core.watch(buffers);
    core.submit(action, ({ encoder }) => encodeCommands(encoder, { label: action }, ready));
    core.counters.dispatches += ready.length;
  }
  return { commands, stands: () => !watch?.changed };
}

/** Launches ahead of the first that changes a buffer which outlives the plan. */
function countRepeatable(plan: Plan, launches: readonly ResolvedLaunch[]): number {
  const first = launches.findIndex(({ launch, groups }) =>
    groups.flat().some(({ name, access }) => {
      const buffer = launch.bindings[name]?.buffer ?? -1;
      return access === 'read_write' && plan.buffers[buffer]?.role === 'shared';
    }),
  );
  return first < 0 ? launches.length : first;
}
