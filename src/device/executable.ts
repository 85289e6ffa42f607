import { DeviceError, OptionError, ShapeError } from '../errors.ts';
import { halfBytes, widenFloat16 } from '../float16.ts';
import type { Plan, PlanTensor } from '../schedule/plan.ts';
import type { DeviceCore } from './core.ts';
import { encodeCommands } from './encode.ts';
import type { ReadbackRing } from './readback.ts';
import type { Replay } from './replay.ts';
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
   * and creates no buffer; mistakes found by the device come with the next call that waits. `version` is that of
   * what the prologue reads, the parameters: where it has run for the same version before, it is left out.
   *
   * @throws {DeviceLostError} if the device is gone.
   */
  run({
    repeats = 1,
    version,
  }: {
    readonly repeats?: number;
    readonly version?: number;
  } = {}): void {
    this.#assertUsable('run');
    if (!Number.isInteger(repeats) || repeats < 1) {
      throw new OptionError(
        `plan '${this.plan.name}': repeats is ${repeats}, expected an integer of at least 1.`,
      );
    }
    const { core, replay } = this.#parts;
    const isCurrent = version !== undefined && version === this.#prologueVersion;
    this.#prologueVersion = version;
    const { buffer, dispatches } = replay.encode(repeats, !isCurrent);
    core.submit(buffer);
    core.counters.dispatches += dispatches;
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
    this.#assertUsable(`read '${name}'`);
    const tensor = this.#tensor(name);
    const elements = countElements(tensor);
    const isHalf = tensor.dtype === 'f16';
    const { buffer } = await this.#parts.ring.download(
      this.#buffer(tensor),
      tensor.view.offsetBytes,
      isHalf ? halfBytes(elements) : 4 * elements,
    );
    if (isHalf) return Float32Array.from(new Uint16Array(buffer, 0, elements), widenFloat16);
    return tensor.dtype === 'f32' ? new Float32Array(buffer) : new Int32Array(buffer);
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
    const { core, ring, replay } = this.#parts;
    const { prologue, commands } = replay;
    if (!core.gpu.features.has('timestamp-query')) return null;
    if (prologue.length > 0) core.submit(encodeCommands(core.gpu, this.plan.name, prologue, [], 1));
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
    const { core, ring, replay } = this.#parts;
    const { commands } = replay;
    if (core.gpu.features.has('timestamp-query')) {
      const ms = await timeRun(core, ring, commands, repeats);
      // Some drivers reset the counter between two stamps; the clock then has the word.
      if (ms > 0) return ms / repeats;
    }
    const begun = performance.now();
    core.submit(encodeCommands(core.gpu, this.plan.name, [], commands, repeats));
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
