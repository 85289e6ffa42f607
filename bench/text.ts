import { alignColumns, formatBytes, formatFactor, formatMs, formatNumber } from './format.ts';
import type { LeftOut, Result } from './results.ts';

const heading = [
  'peer',
  'median',
  'min',
  'max',
  'reps',
  'first step',
  'dispatches',
  'submits',
  'buffers',
  'uploaded',
  'peak memory',
  'API time',
  'GFLOP/s',
];

const show = (value: number | null, format: (value: number) => string): string =>
  value === null ? '–' : format(value);

/** Results of one workload as a table of text, checks below it. */
export function describeResults(results: readonly Result[], leftOut: readonly LeftOut[]): string {
  const own = results.find(({ peer }) => peer === 'gatefold')?.medianMs;
  const rows = results.map((result) => [
    result.peer,
    show(result.medianMs, formatMs),
    show(result.minMs, formatMs),
    show(result.maxMs, formatMs),
    String(result.repetitions),
    show(result.firstMs, formatMs),
    show(result.dispatches, formatNumber),
    show(result.submits, formatNumber),
    show(result.buffersCreated, formatNumber),
    show(result.bytesUploaded, formatBytes),
    show(result.peakBytes, formatBytes),
    show(result.apiMs, formatMs),
    show(result.gflops, formatNumber),
    own && result.medianMs !== null ? formatFactor(result.medianMs / own) : '',
  ]);
  const table = alignColumns([[...heading, own ? '/ gatefold' : ''], ...rows]);
  const width = Math.max(...results.map(({ peer }) => peer.length), 0);
  const checks = results.map(
    ({ peer, check, checkDetail }) => `${peer.padEnd(width)}  ${check}: ${checkDetail}`,
  );
  const missing = leftOut.map(({ peer, reason }) => `${peer.padEnd(width)}  left out: ${reason}`);
  return [...table, '', ...checks, ...missing].map((line) => `  ${line}`.trimEnd()).join('\n');
}
