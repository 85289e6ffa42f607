import * as Plot from '@observablehq/plot';
import { formatFactor } from '../../format.ts';
import { titles } from '../../markdown.ts';
import { type PeerName, peerNames } from '../../peer.ts';
import { compareWithWebgpu, type Report } from '../../report.ts';
import type { Result } from '../../results.ts';

/** How large the plot is and what it is made with. */
export interface PlotOptions {
  /** In pixels; the text keeps its size. */
  readonly width: number;
  /** Needed outside of browsers. */
  readonly document?: Document;
}

type Timed = Result & { readonly medianMs: number; readonly minMs: number; readonly maxMs: number };

const svgNamespace = 'http://www.w3.org/2000/svg';
const rowHeight = 44;
const legendRowHeight = 22;
const legendColumnWidth = 200;
/** Least distance between two marks on the axis of time. */
const tickDistance = 56;

/** Colours are of a library, shapes of what it runs on. Both colour schemes, also as an image. */
const style = `
.bench-plot { color: #1d1c1a; --muted: #66635d; --line: #e3dfd8; --gatefold: #1c5d78; --tfjs: #c05a1f;
  --jax: #7a4fb0; --ort: #4a7d2c; --brain: #8c7a12; --paper: #fbfaf8;
  font: 13px/1.3 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.bench-plot text { font-size: 13px; }
.bench-plot .small text { font-size: 12px; }
.bench-plot .strong text { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  .bench-plot { color: #e9e6e1; --muted: #a09d97; --line: #33383c; --gatefold: #7fc1de; --tfjs: #f0995f;
    --jax: #bb9bea; --ort: #9acb70; --brain: #d9c74e; --paper: #141618; }
}`;

const colorOf = (peer: PeerName): string => `var(--${peer.split('-')[0]})`;

const symbols: Readonly<Record<string, Plot.SymbolType>> = {
  webgpu: 'circle',
  webgl: 'triangle2',
  wasm: 'square2',
};

function symbolOf(peer: PeerName): Plot.SymbolType {
  return peer === 'gatefold' ? 'circle' : (symbols[peer.split('-')[1] ?? ''] ?? 'diamond2');
}

/** Whether a peer computes on the GPU: its mark is filled. */
const isFilled = (peer: PeerName): boolean => !peer.endsWith('-wasm') && peer !== 'brain';

/** Draws the times of a report: a row per workload, a mark per peer, time on a logarithmic axis. */
export function drawPlot(report: Report, { width, document }: PlotOptions): SVGSVGElement {
  const owner = document ?? globalThis.document;
  const timed = report.results.filter((result) => result.medianMs !== null) as readonly Timed[];
  const peers = peerNames.filter((name) => timed.some(({ peer }) => peer === name));
  const columns = Math.max(1, Math.floor(width / legendColumnWidth));
  const legendHeight = Math.ceil(peers.length / columns) * legendRowHeight + 8;
  const body = drawRows(report, timed, width, owner);
  const height = legendHeight + Number(body.getAttribute('height'));
  const plot = owner.createElementNS(svgNamespace, 'svg') as SVGSVGElement;
  plot.setAttribute('xmlns', svgNamespace);
  plot.setAttribute('viewBox', `0 0 ${width} ${height}`);
  plot.setAttribute('width', String(width));
  plot.setAttribute('height', String(height));
  plot.setAttribute('class', 'bench-plot');
  plot.setAttribute('role', 'img');
  plot.setAttribute('aria-label', describe(report, timed));
  const styleElement = owner.createElementNS(svgNamespace, 'style');
  styleElement.textContent = style;
  body.setAttribute('y', String(legendHeight));
  plot.append(styleElement, drawLegend(peers, columns, width, legendHeight, owner), body);
  return plot;
}

function describe(report: Report, timed: readonly Timed[]): string {
  const rows = report.workloads.map(({ name }) => {
    const times = timed.filter(({ workload }) => workload === name);
    const parts = times.map(({ peer, medianMs }) => `${titles[peer]} ${medianMs.toPrecision(3)}`);
    return `${name}: ${parts.join(', ')}`;
  });
  return `Milliseconds per step. ${rows.join('. ')}.`;
}

function drawRows(
  report: Report,
  timed: readonly Timed[],
  width: number,
  document: Document,
): SVGSVGElement {
  const isNarrow = width < 640;
  const names = report.workloads.map(({ name }) => name);
  const ratios = names.flatMap((workload) => {
    const ratio = compareWithWebgpu(report.results, workload);
    return ratio ? [{ workload, text: formatFactor(ratio.factor) }] : [];
  });
  const extremes = timed.flatMap(({ minMs, maxMs }) => [minMs, maxMs]);
  const [marginLeft, marginRight] = [isNarrow ? 78 : 268, ratios.length > 0 ? 74 : 20];
  const ticks = decades(extremes, width - marginLeft - marginRight);
  return Plot.plot({
    document,
    width,
    height: names.length * rowHeight + 58,
    marginLeft,
    marginRight,
    marginTop: 26,
    marginBottom: 32,
    x: {
      type: 'log',
      domain: [Math.min(...extremes) * 0.7, Math.max(...extremes) * 1.4],
      label: null,
    },
    y: { type: 'point', domain: names, padding: 0.5, axis: null },
    marks: [
      Plot.gridX({ stroke: 'var(--line)', strokeOpacity: 1, ticks }),
      Plot.axisX({
        ticks,
        tickSize: 0,
        tickFormat: formatTick,
        fill: 'var(--muted)',
        className: 'small',
      }),
      Plot.ruleY(names, { stroke: 'var(--line)' }),
      Plot.text(report.workloads, {
        y: 'name',
        text: 'name',
        dy: isNarrow ? 0 : -7,
        frameAnchor: 'left',
        dx: -marginLeft,
        textAnchor: 'start',
        fill: 'currentColor',
        className: 'strong',
      }),
      isNarrow
        ? null
        : Plot.text(report.workloads, {
            y: 'name',
            text: 'description',
            dy: 9,
            frameAnchor: 'left',
            dx: -marginLeft,
            textAnchor: 'start',
            fill: 'var(--muted)',
            className: 'small',
          }),
      Plot.ruleY(timed, {
        y: 'workload',
        x1: 'minMs',
        x2: 'maxMs',
        stroke: ({ peer }: Timed) => colorOf(peer),
        strokeWidth: 2,
        strokeOpacity: 0.55,
      }),
      Plot.dot(timed, {
        y: 'workload',
        x: 'medianMs',
        r: ({ peer }: Timed) => (peer === 'gatefold' ? 7 : 5),
        symbol: ({ peer }: Timed) => symbolOf(peer),
        fill: ({ peer }: Timed) => (isFilled(peer) ? colorOf(peer) : 'var(--paper)'),
        stroke: ({ peer }: Timed) => colorOf(peer),
        strokeWidth: 1.5,
        title: ({ peer, medianMs }: Timed) => `${titles[peer]}: ${medianMs.toPrecision(3)} ms`,
      }),
      Plot.text(ratios, {
        y: 'workload',
        text: 'text',
        frameAnchor: 'right',
        dx: 70,
        textAnchor: 'end',
        fill: 'var(--gatefold)',
        className: 'strong',
      }),
      ratios.length === 0
        ? null
        : Plot.text([isNarrow ? 'vs WebGPU' : 'against the fastest other WebGPU'], {
            frameAnchor: 'top-right',
            dx: 70,
            dy: -20,
            textAnchor: 'end',
            fill: 'var(--muted)',
            className: 'small',
          }),
      Plot.text([isNarrow ? 'time per step' : 'time per step, median and range; left is faster'], {
        frameAnchor: 'top-left',
        dy: -20,
        textAnchor: 'start',
        fill: 'var(--muted)',
        className: 'small',
      }),
    ],
    r: { type: 'identity' },
    color: { type: 'identity' },
    symbol: { type: 'identity' },
  }) as SVGSVGElement;
}

function drawLegend(
  peers: readonly PeerName[],
  columns: number,
  width: number,
  height: number,
  document: Document,
): SVGSVGElement {
  const items = peers.map((peer, index) => ({
    peer,
    x: 8 + (index % columns) * legendColumnWidth,
    y: 12 + Math.floor(index / columns) * legendRowHeight,
  }));
  return Plot.plot({
    document,
    width,
    height,
    margin: 0,
    x: { type: 'identity', axis: null },
    y: { type: 'identity', axis: null },
    r: { type: 'identity' },
    color: { type: 'identity' },
    symbol: { type: 'identity' },
    marks: [
      Plot.dot(items, {
        x: 'x',
        y: 'y',
        r: 5,
        symbol: ({ peer }: { peer: PeerName }) => symbolOf(peer),
        fill: ({ peer }: { peer: PeerName }) => (isFilled(peer) ? colorOf(peer) : 'var(--paper)'),
        stroke: ({ peer }: { peer: PeerName }) => colorOf(peer),
        strokeWidth: 1.5,
      }),
      Plot.text(items, {
        x: 'x',
        y: 'y',
        dx: 12,
        text: ({ peer }: { peer: PeerName }) => titles[peer],
        textAnchor: 'start',
        fill: 'currentColor',
      }),
    ],
  }) as SVGSVGElement;
}

/** The powers of ten between the least and the greatest number, or every second or third of them. */
function decades(values: readonly number[], width: number): number[] {
  const [least, most] = [Math.min(...values) * 0.7, Math.max(...values) * 1.4].map(Math.log10) as [
    number,
    number,
  ];
  const [first, last] = [Math.ceil(least), Math.floor(most)];
  const stride = Math.ceil((tickDistance * (most - least)) / width);
  const count = Math.max(0, Math.floor((last - first) / stride) + 1);
  return Array.from({ length: count }, (_, index) => 10 ** (first + index * stride));
}

function formatTick(ms: number): string {
  if (ms >= 1000) return `${ms / 1000} s`;
  return ms >= 1 ? `${ms} ms` : `${Math.round(ms * 1000)} µs`;
}
