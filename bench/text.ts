import type { Examination } from './examine.ts';
import { alignColumns, formatBytes, formatFactor, formatMs, formatNumber } from './format.ts';
import { findFloor } from './report.ts';
import type { Result } from './results.ts';
import type { WorkloadRun } from './run-workload.ts';
import type { Workload } from './workloads.ts';

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

/** Results of one workload as a table of text; the floor, checks and who is missing below it. */
export function describeResults(
  workload: Workload,
  { results, leftOut }: WorkloadRun,
  examination: Examination,
): string {
  const own = results.find(({ peer }) => peer === 'gatefold');
  const ownMs = own?.medianMs;
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
    ownMs && result.medianMs !== null ? formatFactor(result.medianMs / ownMs) : '',
  ]);
  const table = alignColumns([[...heading, ownMs ? '/ gatefold' : ''], ...rows]);
  const width = Math.max(...results.map(({ peer }) => peer.length), 0);
  const checks = results.map(({ peer, check, compared }) => {
    return `${peer.padEnd(width)}  ${check}${compared === null ? '' : `: ${compared}`}`;
  });
  const missing = leftOut.map(({ peer, reason }) => `${peer.padEnd(width)}  left out: ${reason}`);
  const beside = own ? [describeFloor(workload, own, examination)] : [];
  return [...table, ...beside, '', ...checks, ...missing]
    .map((line) => `  ${line}`.trimEnd())
    .join('\n');
}

/** Gatefold beside what is possible here. */
function describeFloor(
  workload: Workload,
  { medianMs, gflops, matmulGflops }: Pick<Result, 'medianMs' | 'gflops' | 'matmulGflops'>,
  { limits, matmul }: Examination,
): string {
  const floorMs = findFloor(workload, limits);
  const floor = `floor ${formatMs(floorMs)}`;
  if (medianMs === null || gflops === null) return floor;
  const percent = (rate: number): string => `${((100 * gflops) / rate).toFixed(0)} %`;
  return (
    `${floor}, gatefold takes ${formatFactor(medianMs / floorMs)} as long; its GFLOP/s are ` +
    `${percent(matmulGflops ?? matmul.best.gflops)} of its best matmul's, ${percent(limits.rolledGflops)} of the rolled loop's`
  );
}
