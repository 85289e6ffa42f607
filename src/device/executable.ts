import { DeviceError, OptionError, ShapeError } from '../errors.ts';
import { halfBytes, widenFloat16 } from '../float16.ts';
import type { Plan, PlanTensor } from '../schedule/plan.ts';
import type { DeviceCore } from './core.ts';
import { encodeRun } from './encode.ts';
import type { ReadbackRange, ReadbackRing } from './readback.ts';
import type { Replay } from './replay.ts';
import type { Submission } from './submission.ts';
import { type LaunchTime, timeLaunches, timeRun } from './timing.ts';

/** What a compiled plan works with. */
export interface ExecutableParts {
  readonly core: DeviceCore;
  readonly ring: ReadbackRing;
  readonly plan: Plan;
  readonly buffers: readonly GPUBuffer[];
  readonly owned: readonly GPUBuffer[];
  readonly replay: Replay;
}

/** Contents of a tensor: `Float32Array` for f32 and f16, `Int32Array` for i32. */
export type ReadbackArray = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** How a plan is run. */
export interface RunOptions {
  /** How often the launches are repeated; 1 by default. */
  readonly repeats?: number;
  /**
   * Version of what the prologue reads, the parameters: where it has run for the same version before, it is left out.
   */
  readonly version?: number;
}

/**
 * A compiled plan. It owns the plan's activations, constants and uniforms, not the shared buffers;
 * `dispose()` it before them.
 */
export class Executable {
  readonly plan: Plan;
  readonly #parts: ExecutableParts;
  #disposed = false;
  #prologueVersion: number | undefined;

  /** Executables come from `device.compile()`. */
  constructor(parts: ExecutableParts) {
    this.plan = parts.plan;
    this.#parts = parts;
  }

  /**
   * Submits the prologue once and the launches `repeats` times, in one submit. It waits for nothing
   * and creates no buffer; mistakes found by the device come with the next call that waits.
   *
   * @throws {DeviceLostError} if the device is gone.
   */
  run(options: RunOptions = {}): void {
    this.#assertRunnable(options);
    this.#parts.core.submit(this.plan.name, (submission) => this.#encode(submission, options));
  }

  /**
   * The same, and reads tensors as they then are, in the same submit.
   *
   * @throws what {@link run} does, at once; the promise rejects with what {@link read} throws.
   */
  runAndRead(names: readonly string[], options: RunOptions = {}): Promise<ReadbackArray[]> {
    this.#assertRunnable(options);
    return this.#read(names, options);
  }

  /** The same for bytes of buffers, such as the plan shares. */
  runAndDownload(
    ranges: readonly ReadbackRange[],
    options: RunOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    this.#assertRunnable(options);
    const label = ranges.map(({ buffer }) => `buffer '${buffer.label}'`).join(', ');
    return this.#parts.ring.download(label, ranges, (submission) =>
      this.#encode(submission, options),
    );
  }

  /**
   * Writes a tensor before what runs next.
   *
   * @param data - All its elements: `Float32Array` for f32, `Int32Array` or `Uint32Array` for i32.
   * @throws {ShapeError} if the type or the number of elements differs.
   */
  write(name: string, data: Float32Array | Int32Array | Uint32Array): void {
    this.#assertUsable(`write '${name}'`);
    const tensor = this.#tensor(name);
    const fits =
      tensor.dtype === 'f32' ? data instanceof Float32Array : !(data instanceof Float32Array);
    const elements = countElements(tensor);
    if (!fits || data.length !== elements) {
      throw new ShapeError(
        `tensor '${name}' of plan '${this.plan.name}': got ${data.constructor.name} of ` +
          `${data.length}, expected ${tensor.dtype} [${tensor.shape.join(', ')}] = ${elements} ` +
          `elements in ${tensor.dtype === 'f32' ? 'a Float32Array' : 'an Int32Array'}.`,
      );
    }
    this.#parts.core.upload(this.#buffer(tensor), tensor.view.offsetBytes, data);
  }

  /**
   * Reads a tensor as it is after what was submitted so far.
   *
   * @throws {DeviceError} or {@link OutOfMemoryError} if the device reported an error meanwhile.
   */
  async read(name: string): Promise<ReadbackArray> {
    const [array] = await this.readAll([name]);
    return array as ReadbackArray;
  }

  /** {@link read} for several, in one submit. */
  async readAll(names: readonly string[]): Promise<ReadbackArray[]> {
    this.#assertUsable(`read '${names.join("', '")}'`);
    return await this.#read(names);
  }

  /** Resolves when everything submitted so far is done. Throws what the device reported. */
  finished(): Promise<void> {
    const { core } = this.#parts;
    const action = `plan '${this.plan.name}': finish`;
    core.assertAlive(action);
    return core.settle(
      action,
      core.gpu.queue.onSubmittedWorkDone().then(() => undefined),
    );
  }

  /**
   * Runs the launches `repeats` times, each in a pass of its own, and measures them.
   *
   * @returns The median time of each launch, or null where the adapter has no timestamp queries.
   */
  async time({ repeats = 5 }: { readonly repeats?: number } = {}): Promise<LaunchTime[] | null> {
    this.#assertUsable('time');
    const { core, ring, buffers, replay } = this.#parts;
    const { prologue, commands } = replay;
    if (!core.gpu.features.has('timestamp-query')) return null;
    core.noteChanges(buffers);
    const { name } = this.plan;
    if (prologue.length > 0)
      core.submit(name, (submission) => encodeRun(submission, name, prologue, [], 0));
    core.counters.dispatches += prologue.length;
    return timeLaunches(core, ring, commands, repeats);
  }

  /**
   * Runs the launches `repeats` times in one submit and waits for them.
   *
   * @returns ms of one repetition: by the device's timestamps where it has them, else by the clock.
   */
  async timeRun({ repeats }: { readonly repeats: number }): Promise<number> {
    this.#assertUsable('time');
    const { core, ring, buffers, replay } = this.#parts;
    const { commands } = replay;
    core.noteChanges(buffers);
    if (core.gpu.features.has('timestamp-query')) {
      const ms = await timeRun(core, ring, commands, repeats);
      // Some drivers reset the counter between two stamps; the clock then has the word.
      if (ms > 0) return ms / repeats;
    }
    const begun = performance.now();
    const { name } = this.plan;
    core.submit(name, (submission) => encodeRun(submission, name, [], commands, repeats));
    core.counters.dispatches += repeats * commands.length;
    await this.finished();
    return (performance.now() - begun) / repeats;
  }

  /** Destroys the buffers that the plan owns. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#parts.owned) this.#parts.core.destroyBuffer(buffer);
  }

  /** {@link dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #assertUsable(action: string): void {
    this.#parts.core.assertAlive(`plan '${this.plan.name}': ${action}`);
    if (!this.#disposed) return;
    throw new DeviceError(
      `plan '${this.plan.name}': ${action} after dispose(). Compile it again, or dispose it later.`,
    );
  }

  #assertRunnable({ repeats = 1 }: RunOptions): void {
    this.#assertUsable('run');
    if (Number.isInteger(repeats) && repeats >= 1) return;
    throw new OptionError(
      `plan '${this.plan.name}': repeats is ${repeats}, expected an integer of at least 1.`,
    );
  }

  #encode(submission: Submission, { repeats = 1, version }: RunOptions): void {
    const { core, buffers, replay } = this.#parts;
    const isCurrent = version !== undefined && version === this.#prologueVersion;
    this.#prologueVersion = version;
    core.counters.dispatches += replay.encode(submission, repeats, !isCurrent);
    core.noteChanges(buffers);
  }

  /** Reads tensors, after a run in the same submit where there are options for one. */
  async #read(names: readonly string[], options?: RunOptions): Promise<ReadbackArray[]> {
    const tensors = names.map((name) => this.#tensor(name));
    const copies = await this.#parts.ring.download(
      `'${names.join("', '")}' of plan '${this.plan.name}'`,
      tensors.map((tensor) => ({
        buffer: this.#buffer(tensor),
        offsetBytes: tensor.view.offsetBytes,
        bytes: countBytes(tensor),
      })),
      options && ((submission) => this.#encode(submission, options)),
    );
    return copies.map(({ buffer }, index) => decode(tensors[index] as PlanTensor, buffer));
  }

  #tensor(name: string): PlanTensor {
    const tensor = this.plan.tensors.get(name);
    if (tensor) return tensor;
    throw new OptionError(
      `plan '${this.plan.name}' has no tensor '${name}', it has ` +
        `${[...this.plan.tensors.keys()].join(', ') || 'none'}.`,
    );
  }

  #buffer({ view }: PlanTensor): GPUBuffer {
    return this.#parts.buffers[view.buffer] as GPUBuffer;
  }
}

function countElements({ shape }: PlanTensor): number {
  return shape.reduce((product, size) => product * size, 1);
}

function countBytes(tensor: PlanTensor): number {
  const elements = countElements(tensor);
  return tensor.dtype === 'f16' ? halfBytes(elements) : 4 * elements;
}

function decode(tensor: PlanTensor, buffer: ArrayBuffer): ReadbackArray {
  if (tensor.dtype === 'f16') {
    return Float32Array.from(new Uint16Array(buffer, 0, countElements(tensor)), widenFloat16);
  }
  return tensor.dtype === 'f32' ? new Float32Array(buffer) : new Int32Array(buffer);
}
