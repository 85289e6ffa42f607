import { formatFactor, formatMs, formatNumber } from '../format.ts';
import { titles } from '../markdown.ts';
import { type DrawPlot, peerNames } from '../peer.ts';
import { compareWithWebgpu, findResult, type Report } from '../report.ts';
import { make, query } from './elements.ts';

/** Shows a report, and lets the visitor take it along. */
export class ResultsView {
  readonly #section = query('#results', HTMLElement);
  readonly #plot = query('#plot', HTMLElement);
  readonly #table = query('#table', HTMLElement);
  readonly #notes = query('#notes', HTMLElement);
  readonly #copied = query('#copied', HTMLElement);
  readonly #loadPlot: (() => Promise<DrawPlot>) | undefined;
  #draw: DrawPlot | undefined;
  #report: Report | undefined;

  constructor(loadPlot: (() => Promise<DrawPlot>) | undefined) {
    this.#loadPlot = loadPlot;
    query('#copy', HTMLButtonElement).addEventListener('click', () => void this.#copy());
    query('#download', HTMLButtonElement).addEventListener('click', () => this.#download());
    new ResizeObserver(() => this.#drawPlot()).observe(this.#plot);
  }

  async show(report: Report): Promise<void> {
    this.#report = report;
    this.#copied.textContent = '';
    this.#section.hidden = false;
    query('#adapter', HTMLElement).textContent = report.machine.adapter;
    this.#table.replaceChildren(makeTable(report));
    this.#notes.replaceChildren(...describeReport(report).map((text) => make('li', text)));
    this.#draw ??= await this.#loadPlot?.();
    this.#drawPlot();
  }

  get #json(): string {
    return `${JSON.stringify(this.#report, null, 2)}\n`;
  }

  #drawPlot(): void {
    const width = Math.floor(this.#plot.clientWidth);
    const drawn = this.#plot.firstElementChild?.getAttribute('width');
    const isShown = this.#plot.dataset.report === this.#report?.date && drawn === String(width);
    if (!this.#report || !this.#draw || width === 0 || isShown) return;
    this.#plot.dataset.report = this.#report.date;
    const hasTimes = this.#report.results.some(({ medianMs }) => medianMs !== null);
    this.#plot.replaceChildren(...(hasTimes ? [this.#draw(this.#report, { width })] : []));
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#json);
      this.#copied.textContent = 'copied';
    } catch {
      this.#copied.textContent = 'the browser did not allow it; download the file';
    }
  }

  #download(): void {
    const address = URL.createObjectURL(new Blob([this.#json], { type: 'application/json' }));
    const link = make('a');
    link.href = address;
    link.download = `gatefold-bench-${(this.#report?.date ?? '').slice(0, 10)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }
}

/** A row per peer, a column per workload; below them what the times are held against. */
function makeTable(report: Report): HTMLTableElement {
  const { results, workloads } = report;
  const peers = peerNames.filter((name) => results.some(({ peer }) => peer === name));
  const rows = peers.map((peer) => [
    titles[peer],
    ...workloads.map(({ name }) => {
      const found = findResult(results, name, peer);
      if (found) return formatMs(found.medianMs);
      const failed = results.find((one) => one.workload === name && one.peer === peer);
      return failed ? (failed.check.split(':')[0] as string) : '–';
    }),
  ]);
  rows.push(['floor', ...workloads.map(({ floorMs }) => formatMs(floorMs))]);
  const ratios = workloads.map(({ name }) => compareWithWebgpu(results, name));
  if (ratios.some((ratio) => ratio !== undefined)) {
    const factors = ratios.map((ratio) => (ratio ? formatFactor(ratio.factor) : '–'));
    rows.push(['Gatefold against the next WebGPU', ...factors]);
  }
  const headings = ['per step', ...workloads.map(({ name }) => name)];
  const heading = (scope: string, text: string): HTMLElement => {
    const cell = make('th', text);
    cell.scope = scope;
    return cell;
  };
  const head = make('thead', make('tr', ...headings.map((text) => heading('col', text))));
  const body = rows.map(([first, ...rest]) =>
    make('tr', heading('row', first ?? ''), ...rest.map((text) => make('td', text))),
  );
  return make('table', head, make('tbody', ...body));
}

function describeReport({ machine, limits, matmul, apiTime, results, leftOut }: Report): string[] {
  const costs = apiTime.steps.map(
    ({ stepsPerSubmit, medianMs }) => `${formatMs(medianMs)} at ${stepsPerSubmit} a submit`,
  );
  const reasons = new Map(leftOut.map(({ peer, reason }) => [reason, titles[peer]]));
  return [
    `${machine.runtime}, ${machine.cores} cores.`,
    `Multiply-adds: ${formatNumber(limits.rolledGflops)} GFLOP/s in a rolled loop, ` +
      `${formatNumber(limits.unrolledGflops)} unrolled. Gatefold's best matmul: ` +
      `${formatNumber(matmul.best.gflops)} GFLOP/s. A dispatch: ${formatNumber(limits.dispatchUs)} µs. ` +
      `A round trip: ${formatNumber(limits.roundTripMs)} ms.`,
    `A training step holds the page's thread for ${costs.join(', ')}.`,
    ...results
      .filter(({ check }) => check !== 'ok')
      .map(({ workload, peer, check }) => `${titles[peer]} on ${workload} ${check}.`),
    ...[...reasons].map(([reason, title]) => `– for ${title}: ${reason}.`),
  ];
}
