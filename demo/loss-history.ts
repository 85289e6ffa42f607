const mostPoints = 1_000;

/**
 * The losses of a run, as points for a chart: means over equally many steps each. When there are too many
 * points, neighbours are merged, so that a run of any length stays cheap to draw.
 */
export class LossHistory {
  /** Middle step of each point. */
  readonly steps: number[] = [];
  /** Mean loss of each point. */
  readonly losses: number[] = [];
  #stepsPerPoint = 1;
  #sum = 0;
  #count = 0;

  /** @param step - The step of this loss; steps are added in order. */
  add(step: number, loss: number): void {
    this.#sum += loss;
    this.#count += 1;
    if (this.#count < this.#stepsPerPoint) return;
    this.steps.push(step - (this.#stepsPerPoint - 1) / 2);
    this.losses.push(this.#sum / this.#count);
    this.#sum = 0;
    this.#count = 0;
    if (this.steps.length === mostPoints) this.#mergeNeighbours();
  }

  clear(): void {
    this.steps.length = 0;
    this.losses.length = 0;
    this.#stepsPerPoint = 1;
    this.#sum = 0;
    this.#count = 0;
  }

  #mergeNeighbours(): void {
    for (const values of [this.steps, this.losses]) {
      for (let i = 0; i < mostPoints / 2; i++) {
        values[i] = ((values[2 * i] ?? 0) + (values[2 * i + 1] ?? 0)) / 2;
      }
      values.length = mostPoints / 2;
    }
    this.#stepsPerPoint *= 2;
  }
}
