/** Things that follow each other within this time arrive together. */
const BURST_GAP_MS = 25;
/** A stream without gaps is cut into bursts of this length. */
const LONGEST_BURST_MS = 250;

interface Burst {
  readonly beganMs: number;
  endedMs: number;
  /** Everything counted up to the burst's end. */
  total: number;
}

/**
 * Tokens per second over the last few seconds, from bursts that arrive at irregular times. A burst counts
 * once it is whole: its first items would stand for the time of all.
 */
export class RateMeter {
  readonly #windowMs: number;
  readonly #bursts: Burst[];
  #total = 0;

  /** @param startMs - When the work began, on the clock that {@link add} uses. */
  constructor(startMs: number, windowMs = 5000) {
    this.#windowMs = windowMs;
    this.#bursts = [{ beganMs: startMs, endedMs: startMs, total: 0 }];
  }

  /** Counts work that was finished by `atMs`. */
  add(amount: number, atMs: number): void {
    this.#total += amount;
    const last = this.#bursts.at(-1);
    const joins =
      last !== undefined &&
      this.#bursts.length > 1 &&
      atMs - last.endedMs < BURST_GAP_MS &&
      atMs - last.beganMs < LONGEST_BURST_MS;
    if (joins) {
      last.endedMs = atMs;
      last.total = this.#total;
      return;
    }
    this.#bursts.push({ beganMs: atMs, endedMs: atMs, total: this.#total });
    while (this.#bursts.length > 3 && atMs - (this.#bursts[1]?.endedMs ?? atMs) >= this.#windowMs) {
      this.#bursts.shift();
    }
  }

  /** Amount per second; 0 before anything was added. */
  get perSecond(): number {
    const first = this.#bursts[0];
    const last = this.#bursts.length > 2 ? this.#bursts.at(-2) : this.#bursts.at(-1);
    if (!first || !last || last.endedMs <= first.endedMs) return 0;
    return (1000 * (last.total - first.total)) / (last.endedMs - first.endedMs);
  }
}
