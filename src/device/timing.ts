import type { DeviceCore } from './core.ts';
import { type Command, encodeCommands } from './encode.ts';
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

/**
 * Runs the commands in order, `repeats` times in one pass, between two timestamps.
 *
 * @returns ms of all repetitions together.
 */
export async function timeRun(
  core: DeviceCore,
  ring: ReadbackRing,
  commands: readonly Command[],
  repeats: number,
): Promise<number> {
  const [ms] = await timePasses(core, ring, 1, (encoder, _index, timestampWrites) => {
    encodeCommands(encoder, { label: 'timing', timestampWrites }, commands, repeats);
  });
  core.counters.dispatches += repeats * commands.length;
  return ms as number;
}

async function timeOnce(
  core: DeviceCore,
  ring: ReadbackRing,
  commands: readonly Command[],
): Promise<number[]> {
  const times = await timePasses(core, ring, commands.length, (encoder, index, timestampWrites) => {
    const command = commands[index] as Command;
    encodeCommands(encoder, { label: command.launch.label, timestampWrites }, [command]);
  });
  core.counters.dispatches += commands.length;
  return times;
}

/** Encodes passes that each write two timestamps, in one submit. Returns ms of each. */
async function timePasses(
  core: DeviceCore,
  ring: ReadbackRing,
  passes: number,
  encode: (
    encoder: GPUCommandEncoder,
    index: number,
    timestampWrites: GPUComputePassTimestampWrites,
  ) => void,
): Promise<number[]> {
  const count = passes * 2;
  const querySet = core.gpu.createQuerySet({ label: 'timing', type: 'timestamp', count });
  const resolved = core.createBuffer({
    label: 'timing/timestamps',
    bytes: count * 8,
    usage: bufferUsage.queryResolve | bufferUsage.copySource,
  });
  try {
    const stampBytes = { buffer: resolved, offsetBytes: 0, bytes: count * 8 };
    const [bytes] = await ring.download('timestamps', [stampBytes], ({ encoder }) => {
      for (let index = 0; index < passes; index += 1) {
        encode(encoder, index, {
          querySet,
          beginningOfPassWriteIndex: index * 2,
          endOfPassWriteIndex: index * 2 + 1,
        });
      }
      encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    });
    const stamps = new BigUint64Array((bytes as Uint8Array<ArrayBuffer>).buffer);
    return Array.from({ length: passes }, (_, index) => {
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
