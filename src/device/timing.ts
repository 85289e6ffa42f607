import type { DeviceCore } from './core.ts';
import { type Command, dispatchAll } from './encode.ts';
import { bufferUsage } from './flags.ts';
import type { ReadbackRing } from './readback.ts';

/** Time that a launch took on the device. */
export interface LaunchTime {
  readonly label: string;
  readonly kernel: string;
  /** Median over the repetitions. */
  readonly ms: number;
}

/** WebGPU's largest query set holds 4096 timestamps; a launch takes two. */
const launchesPerSet = 2048;

/** Runs the commands in order, each in a pass of its own between two timestamps. */
export async function timeLaunches(
  core: DeviceCore,
  ring: ReadbackRing,
  commands: readonly Command[],
  repeats: number,
): Promise<LaunchTime[]> {
  const samples: number[][] = commands.map(() => []);
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (let start = 0; start < commands.length; start += launchesPerSet) {
      const part = commands.slice(start, start + launchesPerSet);
      const times = await timeOnce(core, ring, part);
      for (const [index, ms] of times.entries()) samples[start + index]?.push(ms);
    }
  }
  return commands.map(({ launch }, index) => ({
    label: launch.label,
    kernel: launch.kernel,
    ms: median(samples[index] ?? []),
  }));
}

async function timeOnce(
  core: DeviceCore,
  ring: ReadbackRing,
  commands: readonly Command[],
): Promise<number[]> {
  const count = commands.length * 2;
  const querySet = core.gpu.createQuerySet({ label: 'timing', type: 'timestamp', count });
  const resolved = core.createBuffer({
    label: 'timing/timestamps',
    bytes: count * 8,
    usage: bufferUsage.queryResolve | bufferUsage.copySource,
  });
  try {
    const encoder = core.gpu.createCommandEncoder({ label: 'timing' });
    for (const [index, command] of commands.entries()) {
      const pass = encoder.beginComputePass({
        label: command.launch.label,
        timestampWrites: {
          querySet,
          beginningOfPassWriteIndex: index * 2,
          endOfPassWriteIndex: index * 2 + 1,
        },
      });
      dispatchAll(pass, [command], undefined);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    core.submit(encoder.finish());
    core.counters.dispatches += commands.length;
    const { buffer } = await ring.download(resolved, 0, count * 8);
    const stamps = new BigUint64Array(buffer);
    return commands.map((_, index) => {
      const begin = stamps[index * 2] ?? 0n;
      const end = stamps[index * 2 + 1] ?? 0n;
      return Number(end - begin) / 1e6;
    });
  } finally {
    core.destroyBuffer(resolved);
    querySet.destroy();
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
