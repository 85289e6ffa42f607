import type { Figures, LaunchFigures } from './measure.ts';

/** Milliseconds with three digits that count. */
function formatMs(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3);
}

/** A launch of less than this share of the step is left out of the table. */
const leastShare = 0.01;

/** Figures of one workload as lines of text. */
export function describeFigures(figures: Figures): string {
  const { awaited } = figures;
  const lines = [
    ['adapter', figures.adapter],
    ['first step', `${formatMs(figures.firstStepMs)} ms with plan, compilation and uploads`],
    [
      'step, awaited',
      `${formatMs(awaited.medianMs)} ms median (${formatMs(awaited.minMs)} to ` +
        `${formatMs(awaited.maxMs)}), one submit each`,
    ],
    ['step, streamed', `${formatMs(figures.streamedMs)} ms, many in a submit`],
    [
      'per step',
      `${figures.dispatches} dispatches, ${figures.submits} submits (one reads the loss back), ` +
        `${figures.buffersCreated} buffers and ${figures.bindGroupsCreated} bind groups created, ` +
        `${figures.bytesUploaded} bytes uploaded`,
    ],
    ['loss', `${figures.firstLoss.toFixed(3)} → ${figures.lastLoss.toFixed(3)}`],
  ].map(([name = '', text]) => `  ${name.padEnd(15)} ${text}`);
  if (figures.launches) lines.push(...describeLaunches(figures.launches));
  return lines.join('\n');
}

function describeLaunches(launches: readonly LaunchFigures[]): string[] {
  const total = launches.reduce((sum, { ms }) => sum + ms, 0);
  const shown = launches.filter(({ ms }) => ms >= leastShare * total);
  const width = Math.max(...shown.map(({ label }) => label.length), 'others'.length);
  const line = (label: string, ms: number, rest = ''): string =>
    `    ${label.padEnd(width)} ${formatMs(ms).padStart(7)} ms${rest}`;
  const lines = shown.map(({ label, kernel, count, ms, gflops }) => {
    const speed =
      gflops === undefined ? ''.padStart(14) : `${gflops.toFixed(2).padStart(6)} GFLOP/s`;
    return line(label, ms, `  ${speed}  ${kernel}${count > 1 ? ` × ${count}` : ''}`);
  });
  const others = total - shown.reduce((sum, { ms }) => sum + ms, 0);
  lines.push(line('others', others), line('sum', total));
  return [`  launches by timestamps`, ...lines];
}
