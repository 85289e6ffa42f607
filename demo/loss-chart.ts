import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { LossHistory } from './loss-history.ts';

const numbers = new Intl.NumberFormat('en-US');

/** The loss over the steps, drawn in the colours that the style sheet gives the element. */
export class LossChart {
  readonly #element: HTMLElement;
  readonly #history: LossHistory;
  readonly #plot: uPlot;
  #frame = 0;

  constructor(element: HTMLElement, history: LossHistory) {
    this.#element = element;
    this.#history = history;
    this.#plot = new uPlot(this.#options(), [[], []], element);
    new ResizeObserver(() => this.#plot.setSize(this.#size())).observe(element);
    // uPlot asks for the colours whenever it draws, so a change of scheme needs no more than that.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#plot.redraw(false, true);
    });
  }

  /** Draws what the history holds with the next frame. */
  update(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#plot.setData([this.#history.steps, this.#history.losses]);
    });
  }

  #options(): uPlot.Options {
    const axis = (size: number): uPlot.Axis => ({
      stroke: () => this.#color('--muted'),
      grid: { stroke: () => this.#color('--line'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
      size,
      gap: 6,
    });
    return {
      ...this.#size(),
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 12, 0, 0],
      scales: {
        x: { time: false, range: (_, __, last) => [0, Math.max(last ?? 0, 10)] },
        y: { range: (_, least, most) => this.#lossRange(least, most) },
      },
      axes: [
        {
          ...axis(28),
          space: 64,
          values: (_, steps) => steps.map((step) => (step % 1 === 0 ? numbers.format(step) : '')),
        },
        {
          ...axis(40),
          space: 36,
          incrs: [0.1, 0.2, 0.5, 1, 2, 5, 10],
          values: (_, losses) => losses.map((loss) => loss.toFixed(1)),
        },
      ],
      series: [{}, { stroke: () => this.#color('--accent'), width: 1.75, points: { show: false } }],
    };
  }

  /** From a little below the smallest loss to a little above the largest, in tenths. */
  #lossRange(least: number | null, most: number | null): [number, number] {
    if (least === null || most === null) return [0, 5];
    return [Math.max(0, Math.floor(least * 5 - 0.5) / 5), Math.ceil(most * 5 + 0.5) / 5];
  }

  #size(): { width: number; height: number } {
    return { width: this.#element.clientWidth, height: this.#element.clientHeight };
  }

  #color(property: string): string {
    return getComputedStyle(this.#element).getPropertyValue(property).trim();
  }
}
