import { SingleBar } from 'cli-progress';
import { formatCount } from './format.ts';
import { RateMeter } from './rate-meter.ts';

/** Where messages and progress go; `process.stdout` unless a test listens. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

/** How training is going. */
export interface TrainingProgress {
  /** Training steps finished, counted from the first step of all. */
  readonly step: number;
  readonly loss: number;
}

/** Least time between two plain progress lines. */
const lineIntervalMs = 2000;

/** Least time between two readings shown on a terminal. */
const barIntervalMs = 200;

/**
 * Shows how training goes: a bar on a terminal, plain lines `step 120 · loss 2.104 · 12,345 tok/s`
 * elsewhere. Messages in between go through {@link print}, which leaves the bar whole.
 */
export class ProgressDisplay {
  readonly #output: OutputStream;
  readonly #tokensPerStep: number;
  readonly #totalSteps: number;
  readonly #now: () => number;
  #rate: RateMeter;
  #bar: SingleBar | undefined;
  #last: TrainingProgress | undefined;
  #lastStep: number;
  #shownStep = -1;
  #shownMs: number;

  constructor(options: {
    readonly output: OutputStream;
    readonly firstStep: number;
    readonly totalSteps: number;
    readonly tokensPerStep: number;
    readonly now?: () => number;
  }) {
    this.#output = options.output;
    this.#tokensPerStep = options.tokensPerStep;
    this.#totalSteps = options.totalSteps;
    this.#lastStep = options.firstStep;
    this.#now = options.now ?? (() => performance.now());
    this.#shownMs = this.#now();
    this.#rate = new RateMeter(this.#shownMs);
  }

  /** Starts the clock anew: what went before, such as a sample, is not training. */
  begin(): void {
    this.#shownMs = this.#now();
    this.#rate = new RateMeter(this.#shownMs);
  }

  update(progress: TrainingProgress): void {
    const now = this.#now();
    this.#rate.add((progress.step - this.#lastStep) * this.#tokensPerStep, now);
    this.#lastStep = progress.step;
    this.#last = progress;
    const interval = this.#output.isTTY ? barIntervalMs : lineIntervalMs;
    if (now - this.#shownMs >= interval) this.#show(now);
  }

  /** Writes a message on lines of its own. */
  print(text: string): void {
    this.#hideBar();
    this.#output.write(`${text}\n`);
  }

  /** Shows the last step, if it has not been shown, as a plain line. */
  finish(): void {
    this.#hideBar();
    if (this.#last && this.#shownStep !== this.#last.step) this.#printLine();
  }

  #show(now: number): void {
    this.#shownMs = now;
    if (!this.#last) return;
    if (!this.#output.isTTY) {
      this.#printLine();
      return;
    }
    const payload = {
      loss: this.#last.loss.toFixed(3),
      speed: formatCount(this.#rate.perSecond),
    };
    if (this.#bar) {
      this.#bar.update(this.#last.step, payload);
      return;
    }
    this.#bar = new SingleBar({
      format: 'step {value}/{total} {bar} loss {loss} · {speed} tok/s',
      stream: this.#output,
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      clearOnComplete: true,
      linewrap: false,
      gracefulExit: false,
    });
    this.#bar.start(this.#totalSteps, this.#last.step, payload);
  }

  #printLine(): void {
    if (!this.#last) return;
    const { step, loss } = this.#last;
    const speed = formatCount(this.#rate.perSecond);
    this.#output.write(`step ${step} · loss ${loss.toFixed(3)} · ${speed} tok/s\n`);
    this.#shownStep = step;
  }

  #hideBar(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
