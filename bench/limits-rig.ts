/** Buffers, pipelines and clocks of the limit probes. Nothing here imports the library. */

// Values of the specification: Node and Deno do not all have the globals that hold them.
const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128, resolve: 512 };
const mapModeRead = 1;

/** Bits that no probe computes: what they leave behind in a result was not written. */
export const poison = 0xfffffbad;

/** Seconds of one repetition, best and middle. */
export interface Spread {
  readonly best: number;
  readonly median: number;
}

/** A WGSL compute shader to run as a probe: see {@link ProbeRig.bind} for its bindings. */
export interface ProbeProgram {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly results: GPUBuffer;
  /** Sets the uniform of the next run: up to four 32-bit words. */
  setArguments(words: Uint32Array<ArrayBuffer>): void;
}

/** Runs probes on a GPU device and times them. Destroys what it made when disposed. */
export class ProbeRig {
  readonly #made: { destroy(): void }[] = [];
  readonly #staging: GPUBuffer;
  readonly #clock: { readonly querySet: GPUQuerySet; readonly resolved: GPUBuffer } | undefined;
  /** Seconds of an empty submit with its readback; taken off where no timestamps are to be had. */
  #roundTrip: Spread = { best: 0, median: 0 };

  /** @param rest - gets all that is waited for. */
  constructor(
    readonly gpu: GPUDevice,
    private readonly rest: (work: Promise<unknown>) => void,
  ) {
    this.#staging = this.makeBuffer(256, usage.mapRead | usage.copyTarget);
    if (!gpu.features.has('timestamp-query')) return;
    const querySet = gpu.createQuerySet({ type: 'timestamp', count: 2 });
    this.#made.push(querySet);
    this.#clock = { querySet, resolved: this.makeBuffer(256, usage.resolve | usage.copySource) };
  }

  /** Whether compute work is timed by the GPU's own timestamps. */
  get hasTimestamps(): boolean {
    return this.#clock !== undefined;
  }

  get roundTrip(): Spread {
    return this.#roundTrip;
  }

  makeBuffer(bytes: number, flags = usage.storage | usage.copySource | usage.copyTarget) {
    const buffer = this.gpu.createBuffer({ label: 'limits', size: bytes, usage: flags });
    this.#made.push(buffer);
    return buffer;
  }

  /**
   * Compiles a probe. Its bindings in group 0 are: 0 a uniform of 16 bytes, 1 the results (read_write), 2
   * the input (read) where one is given. The results are filled with {@link poison}.
   *
   * @param resultWords - Length of the results in 32-bit words.
   */
  async bind(
    code: string,
    resultWords: number,
    input?: Uint32Array<ArrayBuffer>,
  ): Promise<ProbeProgram> {
    const { gpu } = this;
    const module = gpu.createShaderModule({ label: 'limits', code });
    const pipeline = await gpu.createComputePipelineAsync({
      label: 'limits',
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
    const uniform = this.makeBuffer(16, usage.uniform | usage.copyTarget);
    const results = this.makeBuffer(4 * resultWords);
    gpu.queue.writeBuffer(results, 0, new Uint32Array(resultWords).fill(poison));
    const buffers = [uniform, results];
    if (input) {
      const source = this.makeBuffer(input.byteLength);
      gpu.queue.writeBuffer(source, 0, input);
      buffers.push(source);
    }
    const group = gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const setArguments = (words: Uint32Array<ArrayBuffer>): void => {
      gpu.queue.writeBuffer(uniform, 0, words);
    };
    return { pipeline, group, results, setArguments };
  }

  /** Seconds that a program takes for `dispatches` dispatches one after another. */
  async timeDispatches(program: ProbeProgram, workgroups: number, dispatches = 1): Promise<number> {
    const encoder = this.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass({
      ...(this.#clock && {
        timestampWrites: {
          querySet: this.#clock.querySet,
          beginningOfPassWriteIndex: 0,
          endOfPassWriteIndex: 1,
        },
      }),
    });
    pass.setPipeline(program.pipeline);
    pass.setBindGroup(0, program.group);
    for (let index = 0; index < dispatches; index++) pass.dispatchWorkgroups(workgroups);
    pass.end();
    if (!this.#clock) {
      encoder.copyBufferToBuffer(program.results, 0, this.#staging, 0, 4);
      return this.#timeByClock(encoder);
    }
    const { querySet, resolved } = this.#clock;
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, this.#staging, 0, 16);
    const [begin = 0n, end = 0n] = new BigUint64Array(await this.#finish(encoder));
    return Number(end - begin) / 1e9;
  }

  /** Seconds of `count` copies of a whole buffer into another of the same size. */
  timeCopies(source: GPUBuffer, target: GPUBuffer, count: number): Promise<number> {
    const encoder = this.gpu.createCommandEncoder();
    for (let index = 0; index < count; index++) {
      encoder.copyBufferToBuffer(source, 0, target, 0, source.size);
    }
    encoder.copyBufferToBuffer(target, 0, this.#staging, 0, 16);
    return this.#timeByClock(encoder);
  }

  /** Measures how long an empty submit takes to be seen finished, and remembers it. */
  async measureRoundTrip(repetitions: number): Promise<Spread> {
    this.#roundTrip = { best: 0, median: 0 };
    const source = this.makeBuffer(256);
    const seconds: number[] = [];
    for (let index = -3; index < repetitions; index++) {
      const encoder = this.gpu.createCommandEncoder();
      const start = performance.now();
      encoder.copyBufferToBuffer(source, 0, this.#staging, 0, 16);
      await this.#finish(encoder);
      if (index >= 0) seconds.push((performance.now() - start) / 1e3);
    }
    this.#roundTrip = spreadOf(seconds);
    return this.#roundTrip;
  }

  /** The results of a program as 32-bit words. */
  async read(buffer: GPUBuffer, offsetBytes = 0, bytes = buffer.size): Promise<Uint32Array> {
    const staging = this.makeBuffer(bytes, usage.mapRead | usage.copyTarget);
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offsetBytes, staging, 0, bytes);
    this.gpu.queue.submit([encoder.finish()]);
    await this.#map(staging, bytes);
    const words = new Uint32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return words;
  }

  dispose(): void {
    for (const object of this.#made.splice(0)) object.destroy();
  }

  /** For work whose last command writes to the staging buffer: it is mapped when all is done. */
  async #timeByClock(encoder: GPUCommandEncoder): Promise<number> {
    const start = performance.now();
    await this.#finish(encoder);
    const seconds = (performance.now() - start) / 1e3;
    return Math.max(0, seconds - this.#roundTrip.median);
  }

  /** Submits and waits. Returns the first 16 bytes of the staging buffer. */
  async #finish(encoder: GPUCommandEncoder): Promise<ArrayBuffer> {
    this.gpu.queue.submit([encoder.finish()]);
    await this.#map(this.#staging, 16);
    const bytes = this.#staging.getMappedRange(0, 16).slice(0);
    this.#staging.unmap();
    return bytes;
  }

  #map(staging: GPUBuffer, bytes: number): Promise<undefined> {
    const mapped = staging.mapAsync(mapModeRead, 0, bytes);
    this.rest(mapped);
    return mapped;
  }
}

/** Best and middle of some times. */
export function spreadOf(seconds: readonly number[]): Spread {
  const sorted = [...seconds].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return { best: sorted[0] ?? 0, median: ((low ?? 0) + (high ?? 0)) / 2 };
}

/**
 * Finds an amount of work that takes about `targetSeconds`.
 *
 * @param time - Runs that amount and returns its seconds.
 * @param first - The amount to begin with, well above what a run costs without any work.
 */
export async function findAmount(
  time: (amount: number) => Promise<number>,
  { first, most, targetSeconds }: { first: number; most: number; targetSeconds: number },
): Promise<number> {
  let amount = first;
  // The first run includes what drivers do late: its time does not count.
  await time(amount);
  for (;;) {
    const seconds = await time(amount);
    if (seconds >= 0.7 * targetSeconds || amount >= most) return amount;
    const factor = Math.min(16, Math.max(1.5, targetSeconds / Math.max(seconds, 1e-6)));
    amount = Math.min(most, Math.ceil(amount * factor));
  }
}
