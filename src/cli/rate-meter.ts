/** Tokens per second over the last few seconds, from bursts that arrive at irregular times. */
export class RateMeter {
  readonly #windowMs: number;
  readonly #marks: { readonly atMs: number; readonly total: number }[] = [];
  #total = 0;

  /** @param startMs - When the work began, on the clock that {@link add} uses. */
  constructor(startMs: number, windowMs = 5000) {
    this.#windowMs = windowMs;
    this.#marks.push({ atMs: startMs, total: 0 });
  }

  /** Counts work that was finished by `atMs`. */
  add(amount: number, atMs: number): void {
    this.#total += amount;
    const last = this.#marks.at(-1);
    if (last && atMs - last.atMs < 1 && this.#marks.length > 1) this.#marks.pop();
    this.#marks.push({ atMs, total: this.#total });
    while (this.#marks.length > 2 && atMs - (this.#marks[1]?.atMs ?? atMs) >= this.#windowMs) {
      this.#marks.shift();
    }
  }

  /** Amount per second; 0 before anything was added. */
  get perSecond(): number {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    if (!first || !last || last.atMs <= first.atMs) return 0;
    return (1000 * (last.total - first.total)) / (last.atMs - first.atMs);
  }
}
