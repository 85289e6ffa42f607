import type { DeviceCounters } from './core.ts';

/** Work on its way to the device: what is encoded between the first call and `end()`, in one submit or several. */
export class Submission {
  #encoder: GPUCommandEncoder;

  /**
   * @param beginsEarly - whether the device may work on what is encoded already while more is being encoded. A
   *   software adapter computes on the cores that encode and gains nothing by that.
   */
  constructor(
    private readonly gpu: GPUDevice,
    private readonly label: string,
    private readonly counters: DeviceCounters,
    readonly beginsEarly: boolean,
  ) {
    this.#encoder = gpu.createCommandEncoder({ label });
  }

  /** Takes what comes next. */
  get encoder(): GPUCommandEncoder {
    return this.#encoder;
  }

  /** Submits what is encoded so far; more follows. */
  flush(): void {
    this.end();
    this.#encoder = this.gpu.createCommandEncoder({ label: this.label });
  }

  /** Submits what is encoded and not submitted yet. */
  end(): void {
    this.gpu.queue.submit([this.#encoder.finish()]);
    this.counters.submits += 1;
  }
}
