import { exitCodes } from './failure.ts';

/** Why training was told to stop before its last step. */
export type StopReason = 'SIGINT' | 'SIGTERM' | 'time limit';

/**
 * Turns Ctrl-C, SIGTERM and a time limit into an `AbortSignal`, so that the steps under way finish and
 * the checkpoint is saved. A second signal ends the process at once. Dispose it to let go of the signals.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners = new Map<NodeJS.Signals, () => void>();
  readonly #timer: NodeJS.Timeout | undefined;
  #reason: StopReason | undefined;

  /**
   * @param onSignal - Told of the first signal, to say what happens next.
   * @param timeLimitMs - Time until training stops by itself; undefined for none.
   */
  constructor(onSignal: (signal: NodeJS.Signals) => void, timeLimitMs?: number) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const listener = () => {
        if (this.#reason === 'SIGINT' || this.#reason === 'SIGTERM') {
          process.exit(exitCodes[signal]);
        }
        this.#stop(signal);
        onSignal(signal);
      };
      this.#listeners.set(signal, listener);
      process.on(signal, listener);
    }
    if (timeLimitMs !== undefined) {
      this.#timer = setTimeout(() => this.#stop('time limit'), timeLimitMs);
    }
  }

  /** Aborted once there is a {@link reason} to stop. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** A signal that arrives while a time limit is being honoured counts more. */
  get reason(): StopReason | undefined {
    return this.#reason;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
    this.#listeners.clear();
  }

  #stop(reason: StopReason): void {
    if (reason === 'time limit' && this.#reason) return;
    this.#reason = reason;
    this.#controller.abort();
  }
}
