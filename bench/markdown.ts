import { gauged, type MatmulRate } from './best-matmul.ts';
import { formatBytes, formatFactor, formatMs, formatNumber } from './format.ts';
import { type PeerName, peerNames } from './peer.ts';
import { compareWithWebgpu, findResult, type Report } from './report.ts';
import type { Result } from './results.ts';
import { findWorkload } from './workloads.ts';

/** Peers' names as people write them. */
export const titles: Readonly<Record<PeerName, string>> = {
  gatefold: 'Gatefold',
  'gatefold-tuned': 'Gatefold tuned',
  'tfjs-webgpu': 'TensorFlow.js WebGPU',
  'tfjs-webgl': 'TensorFlow.js WebGL',
  'tfjs-wasm': 'TensorFlow.js Wasm',
  'jax-webgpu': 'jax-js WebGPU',
  'jax-wasm': 'jax-js Wasm',
  'ort-webgpu': 'ONNX Runtime WebGPU',
  'ort-wasm': 'ONNX Runtime Wasm',
  brain: 'brain.js',
};

/** Reports as Markdown, one per adapter: where, medians, beside the limits, what WebGPU is asked to do, notes. */
export function writeMarkdown(reports: readonly Report[], notRun: readonly string[] = []): string {
  const parts = reports.map((report) => {
    const title = reports.length > 1 ? [`**${report.name}**`, ''] : [];
    return [...title, ...describeReport(report)].join('\n');
  });
  return [...parts, ...notRun.map((text) => `NOT RUN: ${text}\n`)].join('\n');
}

/** What a reader in a hurry wants of a report: Gatefold, the fastest other on WebGPU, the floor. */
export function writeSummary(report: Report): string {
  const rows = report.workloads.flatMap(({ name, description, floorMs }) => {
    const own = findResult(report.results, name, 'gatefold');
    if (!own) return [];
    const other = compareWithWebgpu(report.results, name);
    const peer = other && findResult(report.results, name, other.peer);
    return [
      [
        `${name}: ${description}`,
        `**${formatMs(own.medianMs)}**`,
        peer ? `${formatMs(peer.medianMs)}, ${titles[peer.peer]}` : '–',
        other ? `**${formatFactor(other.factor)}**` : '–',
        formatMs(floorMs),
        own.firstMs === null ? '–' : formatMs(own.firstMs),
        own.dispatches === null ? '–' : formatNumber(own.dispatches),
      ],
    ];
  });
  const head = ['per step', 'Gatefold', 'fastest other on WebGPU', 'ratio', 'floor'];
  return [
    describeMachine(report),
    '',
    ...makeTable([...head, 'first step', 'dispatches'], rows),
    '',
  ].join('\n');
}

function describeReport(report: Report): string[] {
  return [
    describeRun(report),
    '',
    ...tableOfTimes(report),
    '',
    ...tableOfRates(report),
    '',
    ...tableOfCalls(report),
    '',
    ...notesOf(report),
    '',
  ];
}

function describeMachine({ machine, date }: Report): string {
  const { adapter, runtime, platform, processor, cores } = machine;
  const parts = [`${date.slice(0, 10)}, ${adapter}`, runtime];
  if (processor) parts.push(processor);
  return `${parts.join('; ')}, ${cores} cores, ${platform}.`;
}

function describeRun(report: Report): string {
  const { repetitions, budgetSeconds, versions } = report;
  const libraries = Object.entries(versions).map(([peer, version]) => `${peer} ${version}`);
  return (
    `${describeMachine(report)} Up to ${repetitions} repetitions within ${budgetSeconds} s of each, ` +
    `in turn. Versions: ${libraries.join(', ')}.`
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
  const hasRatio = workloads.some(({ name }) => compareWithWebgpu(results, name));
  const head = ['ms per step, median', ...peers.map((name) => titles[name]), 'floor'];
  if (hasRatio) head.push('Gatefold against the fastest other WebGPU');
  const rows = workloads.map(({ name, description, floorMs }) => {
    const cells = peers.map((peer) => cellOf(report, name, peer));
    cells.push(formatNumber(floorMs));
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
  return result ? (result.check.split(':')[0] as string) : '–';
}

/** Gatefold beside what was possible in the same run. */
function tableOfRates({ results, workloads, limits, matmul }: Report): string[] {
  const percent = (rate: number, of: number): string => `${((100 * rate) / of).toFixed(0)} %`;
  const { best } = matmul;
  const product = `best own matmul: ${nameOf(best)}`;
  const rows = workloads.flatMap(({ name, flops, floorMs }) => {
    const own = findResult(results, name, 'gatefold');
    if (!own || own.gflops === null) return [];
    return [
      [
        name,
        formatNumber(flops / 1e6),
        formatMs(own.medianMs),
        formatMs(floorMs),
        formatFactor(own.medianMs / floorMs),
        formatNumber(own.gflops),
        percent(own.gflops, own.matmulGflops ?? best.gflops),
        percent(own.gflops, limits.rolledGflops),
      ],
    ];
  });
  const rate = percent(best.gflops, limits.rolledGflops);
  rows.push([product, '', formatMs(best.ms), '', '', formatNumber(best.gflops), '100 %', rate]);
  return makeTable(
    [
      'Gatefold, per step',
      'MFLOP',
      'median',
      'floor',
      'median / floor',
      'GFLOP/s',
      'of the best own matmul',
      'of the rolled loop',
    ],
    rows,
  );
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

function nameOf({ form, m, n, k }: Pick<MatmulRate, 'form' | 'm' | 'n' | 'k'>): string {
  return `${form}, ${m}×${n}, K ${k}`;
}

/** What the column of shares of the best own matmul is about. */
function noteOfShares(results: readonly Result[]): string[] {
  const isGauged = ({ matmulGflops }: Result): boolean => typeof matmulGflops === 'number';
  if (!results.some(isGauged)) return [];
  return [
    `A training step is held against a product that is measured behind each of its repetitions, ${nameOf(gauged)}, ` +
      'since the adapter changes its speed from minute to minute.',
  ];
}

function notesOf({ results, leftOut, differences, limits, apiTime }: Report): string[] {
  const notes = [
    'Every step awaits its loss or output. The first step counts from an open device to its loss or output, ' +
      'with all pipelines. What is computed was compared with float64 first; a peer that is wrong has no time.',
  ];
  const shorter = results.filter(({ repetitions, medianMs, stepsPerRepetition, workload }) => {
    const full = findWorkload(workload).stepsPerRepetition;
    return medianMs !== null && (repetitions < 3 || stepsPerRepetition < full);
  });
  if (shorter.length > 0) {
    const list = shorter.map(
      ({ workload, peer, repetitions, stepsPerRepetition }) =>
        `${titles[peer]} on ${workload} (${repetitions} × ${stepsPerRepetition})`,
    );
    notes.push(`Few repetitions within the budget: ${list.join(', ')}.`);
  }
  for (const { workload, peer, check } of results) {
    if (check !== 'ok') notes.push(`${titles[peer]} on ${workload}: ${check}.`);
  }
  for (const { workload, peer, device } of results) {
    const shapes = peer === 'gatefold-tuned' && device?.split('; ')[1];
    if (shapes) notes.push(`${titles[peer]} on ${workload}: ${shapes}.`);
  }
  const reasons = new Map<string, Set<PeerName>>();
  for (const { peer, reason } of leftOut) {
    reasons.set(reason, (reasons.get(reason) ?? new Set()).add(peer));
  }
  for (const [reason, peers] of reasons) {
    notes.push(`– for ${[...peers].map((peer) => titles[peer]).join(' and ')}: ${reason}.`);
  }
  notes.push(...differences);
  notes.push(
    `This adapter: ${formatNumber(limits.rolledGflops)} GFLOP/s in a rolled loop, ` +
      `${formatNumber(limits.unrolledGflops)} unrolled; ${formatNumber(limits.storageLoadNs)} ns a load; ` +
      `copies at ${formatNumber(limits.copyGBps)} GB/s; ${formatNumber(limits.dispatchUs)} µs a dispatch; ` +
      `${formatNumber(limits.roundTripMs)} ms a round trip. The floor is what a step's matmuls take at the ` +
      'rolled rate, or its weights, input and output at copy speed, plus one dispatch and the round trip. ' +
      'FLOPs are those of the algorithm: a one-hot projection is a gather and counts none.',
  );
  notes.push(...noteOfShares(results));
  const costs = apiTime.steps.map(
    ({ stepsPerSubmit, medianMs, apiMs }) =>
      `${formatMs(medianMs)} at ${stepsPerSubmit} a submit, of it ${formatMs(apiMs)} in API calls`,
  );
  notes.push(
    `A training step (${apiTime.launches} launches, next to no work) holds the calling thread for ` +
      `${costs.join('; ')}.`,
  );
  return notes.map((note) => `- ${note}`);
}
