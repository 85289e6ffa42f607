import { formatBytes, formatFactor, formatMs, formatNumber } from './format.ts';
import { type PeerName, peerNames } from './peer.ts';
import { compareWithWebgpu, findResult, type Report } from './report.ts';
import type { Result } from './results.ts';

/** Peers' names as people write them. */
export const titles: Readonly<Record<PeerName, string>> = {
  gatefold: 'Gatefold',
  'tfjs-webgpu': 'TensorFlow.js WebGPU',
  'tfjs-webgl': 'TensorFlow.js WebGL',
  'tfjs-wasm': 'TensorFlow.js Wasm',
  'jax-webgpu': 'jax-js WebGPU',
  'jax-wasm': 'jax-js Wasm',
  'ort-webgpu': 'ONNX Runtime WebGPU',
  'ort-wasm': 'ONNX Runtime Wasm',
  brain: 'brain.js',
};

/** A report as Markdown: where, medians, what WebGPU is asked to do, limits, notes. */
export function writeMarkdown(report: Report): string {
  return [
    describeRun(report),
    '',
    ...tableOfTimes(report),
    '',
    ...tableOfCalls(report),
    '',
    ...notesOf(report),
    '',
  ].join('\n');
}

function describeRun({ machine, date, repetitions, budgetSeconds, versions }: Report): string {
  const { adapter, runtime, platform, processor, cores } = machine;
  const libraries = Object.entries(versions).map(([peer, version]) => `${peer} ${version}`);
  return (
    `${date.slice(0, 10)}, ${adapter}; ${runtime}; ${processor ? `${processor}, ` : ''}${cores} cores, ` +
    `${platform}. Up to ${repetitions} repetitions within ${budgetSeconds} s of each, in turn. ` +
    `Versions: ${libraries.join(', ')}.`
  );
}

function makeTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)];
}

function tableOfTimes(report: Report): string[] {
  const { results, workloads } = report;
  const peers = peerNames.filter((name) => results.some(({ peer }) => peer === name));
  const hasFloor = workloads.some(({ floorMs }) => floorMs !== null);
  const hasRatio = workloads.some(({ name }) => compareWithWebgpu(results, name));
  const head = ['ms per step, median', ...peers.map((name) => titles[name])];
  if (hasFloor) head.push('floor');
  if (hasRatio) head.push('Gatefold against the fastest other WebGPU');
  const rows = workloads.map(({ name, description, floorMs }) => {
    const cells = peers.map((peer) => cellOf(report, name, peer));
    if (hasFloor) cells.push(floorMs === null ? '–' : formatNumber(floorMs));
    const ratio = compareWithWebgpu(results, name);
    if (hasRatio) cells.push(ratio ? `**${formatFactor(ratio.factor)}**` : '–');
    return [`${name}: ${description}`, ...cells];
  });
  return makeTable(head, rows);
}

function cellOf({ results }: Report, workload: string, peer: PeerName): string {
  const found = findResult(results, workload, peer);
  if (found) {
    const text = formatNumber(found.medianMs);
    return peer === 'gatefold' ? `**${text}**` : text;
  }
  const result = results.find((one) => one.workload === workload && one.peer === peer);
  return result ? result.check : '–';
}

/** What the libraries ask of WebGPU. */
function tableOfCalls({ results }: Report): string[] {
  const shown = results.filter(({ dispatches }) => dispatches !== null);
  if (shown.length === 0) return [];
  const number = (value: number | null): string => (value === null ? '–' : formatNumber(value));
  const bytes = (value: number | null): string => (value === null ? '–' : formatBytes(value));
  const rows = shown.map((result: Result) => [
    `${result.workload}, ${titles[result.peer]}`,
    spread(result),
    result.firstMs === null ? '–' : formatMs(result.firstMs),
    number(result.pipelines),
    number(result.dispatches),
    number(result.submits),
    number(result.buffersCreated),
    bytes(result.bytesAllocated),
    bytes(result.bytesUploaded),
    bytes(result.peakBytes),
    result.apiMs === null ? '–' : formatMs(result.apiMs),
  ]);
  return makeTable(
    [
      'WebGPU, per step',
      'median (range)',
      'first step',
      'pipelines',
      'dispatches',
      'submits',
      'buffers created',
      'of memory',
      'uploaded',
      'peak memory',
      'time in API calls',
    ],
    rows,
  );
}

function spread({ medianMs, minMs, maxMs }: Result): string {
  if (medianMs === null || minMs === null || maxMs === null) return '–';
  return `${formatMs(medianMs)} (${formatNumber(minMs)}–${formatNumber(maxMs)})`;
}

function notesOf({ results, leftOut, differences, limits, workloads }: Report): string[] {
  const notes = [
    'Every step awaits its loss or output. The first step counts from an open device to its loss or output, ' +
      'with all pipelines. What is computed was compared with float64 first; a peer that is wrong has no time.',
  ];
  const shorter = results.filter(({ repetitions, medianMs, stepsPerRepetition, workload }) => {
    const full = workload === 'hello' ? 300 : 1;
    return medianMs !== null && (repetitions < 3 || stepsPerRepetition < full);
  });
  if (shorter.length > 0) {
    const list = shorter.map(
      ({ workload, peer, repetitions, stepsPerRepetition }) =>
        `${titles[peer]} on ${workload} (${repetitions} × ${stepsPerRepetition})`,
    );
    notes.push(`Few repetitions within the budget: ${list.join(', ')}.`);
  }
  for (const { workload, peer, check, checkDetail } of results) {
    if (check !== 'ok') notes.push(`${titles[peer]} on ${workload}: ${check}, ${checkDetail}.`);
  }
  const reasons = new Map<string, Set<PeerName>>();
  for (const { peer, reason } of leftOut) {
    reasons.set(reason, (reasons.get(reason) ?? new Set()).add(peer));
  }
  for (const [reason, peers] of reasons) {
    notes.push(`– for ${[...peers].map((peer) => titles[peer]).join(' and ')}: ${reason}.`);
  }
  notes.push(...differences);
  if (limits) {
    notes.push(
      `This adapter: ${formatNumber(limits.rolledGflops)} GFLOP/s in a rolled loop, ` +
        `${formatNumber(limits.unrolledGflops)} unrolled; ${formatNumber(limits.storageLoadNs)} ns a load; ` +
        `copies at ${formatNumber(limits.copyGBps)} GB/s; ${formatNumber(limits.dispatchUs)} µs a dispatch; ` +
        `${formatNumber(limits.roundTripMs)} ms a round trip. The floor is what a step's matmuls ` +
        `(${workloads.map(({ name, flops }) => `${name} ${formatNumber(flops / 1e6)} MFLOP`).join(', ')}) take at the rolled ` +
        'rate, or its weights, input and output at copy speed, plus one dispatch and the round trip.',
    );
  }
  return notes.map((note) => `- ${note}`);
}
