import type { Progress } from './protocol.ts';

const intervalMs = 1_000;
const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `step N · loss X.XXX · Y tok/s` in an element, set at most once a second. */
export class StatusLine {
  readonly #element: HTMLElement;
  #tokensPerStep = 0;
  #shownAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #step = 0;
  #losses: number[] = [];
  #ms = 0;

  constructor(element: HTMLElement) {
    this.#element = element;
  }

  /** Begins anew for another run. */
  reset(tokensPerStep: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tokensPerStep = tokensPerStep;
    this.#losses = [];
    this.#ms = 0;
  }

  add({ step, losses, ms }: Progress): void {
    this.#step = step;
    this.#losses.push(...losses);
    this.#ms += ms;
    const waitMs = this.#shownAt + intervalMs - performance.now();
    this.#timer ??= setTimeout(() => this.#show(), Math.max(0, waitMs));
  }

  /** The mean loss and the speed of the steps since it was shown last. */
  #show(): void {
    this.#timer = undefined;
    this.#shownAt = performance.now();
    const loss = this.#losses.reduce((sum, value) => sum + value, 0) / this.#losses.length;
    const speed = (this.#losses.length * this.#tokensPerStep * 1_000) / this.#ms;
    this.#losses = [];
    this.#ms = 0;
    this.#element.textContent = `step ${this.#step} · loss ${loss.toFixed(3)} · ${numbers.format(speed)} tok/s`;
  }
}
