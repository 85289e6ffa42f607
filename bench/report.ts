import { type Figures, type LaunchFigures, medianOf } from './measure.ts';

/** A launch of less than this share of the step has no line of its own. */
const leastShare = 0.02;

function formatMs(ms: number): string {
  return `${ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3)} ms`;
}

/** Figures of one workload as text. */
export function describeFigures({ awaitedMs, calls, losses, ...figures }: Figures): string {
  const [least, most] = [awaitedMs[0] as number, awaitedMs.at(-1) as number];
  const rows = [
    ['adapter', figures.adapter],
    ['first step', `${formatMs(figures.firstStepMs)}, plan and compilation included`],
    [
      'awaited',
      `${formatMs(medianOf(awaitedMs))} a step: median of ${awaitedMs.length}, ` +
        `${formatMs(least)} to ${formatMs(most)}`,
    ],
    ['streamed', `${formatMs(figures.streamedMs)} a step`],
    [
      'API calls',
      `${calls.dispatches} dispatches, ${calls.submits} submits (one copies the losses back), ` +
        `${calls.buffersCreated} buffers, ${calls.bindGroupsCreated} bind groups, ` +
        `${calls.bytesUploaded} bytes uploaded in a step`,
    ],
    ['loss', losses.map((loss) => loss.toFixed(3)).join(' → ')],
  ];
  const lines = rows.map(([name = '', text]) => `  ${name.padEnd(11)} ${text}`);
  return [...lines, ...describeLaunches(figures.launches ?? [])].join('\n');
}

function describeLaunches(launches: readonly LaunchFigures[]): string[] {
  const total = launches.reduce((sum, { ms }) => sum + ms, 0);
  return launches
    .filter(({ ms }) => ms >= leastShare * total)
    .map(({ label, kernel, count, ms, flops }) => {
      const speed = flops > 0 ? `${(flops / ms / 1e6).toFixed(2)} GFLOP/s` : '';
      const times = count > 1 ? ` × ${count}` : '';
      const share = `${((100 * ms) / total).toFixed(0)} %`;
      return `    ${label.padEnd(32)} ${formatMs(ms).padStart(10)} ${share.padStart(5)}  ${speed.padStart(13)}  ${kernel}${times}`;
    });
}
