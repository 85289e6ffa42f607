import { DeviceError, DeviceLostError, OutOfMemoryError } from '../errors.ts';
import { type DeviceInfo, type DeviceLimits, readLimits } from './adapter.ts';
import { bufferUsage } from './flags.ts';
import { type Rest, restFor } from './rest.ts';
import { Submission } from './submission.ts';

/** What to create with `createBuffer`. */
export interface BufferRequest {
  /** Path-like name, e.g. `trainer/parameters`. Appears in error messages. */
  readonly label: string;
  /** Rounded up to a multiple of 4. */
  readonly bytes: number;
  /** WebGPU usage flags. Default: storage, copy source and copy target. */
  readonly usage?: number;
  /** Uploaded at once; at most `bytes` long. The rest is zero. Needs copy target among the usages. */
  readonly content?: Uint8Array;
}

/** Whether any of some buffers may hold something else by now. */
export interface Watch {
  readonly changed: boolean;
}

/** API calls made since the device was opened. */
export interface DeviceCounters {
  dispatches: number;
  submits: number;
  buffersCreated: number;
  bindGroupsCreated: number;
  bytesUploaded: number;
}

const defaultUsage = bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyTarget;

/**
 * The GPU device with what every part of this room needs: ownership of buffers, errors that arrive
 * later than the call that caused them, and counters.
 */
export class DeviceCore {
  readonly gpu: GPUDevice;
  readonly limits: DeviceLimits;
  readonly counters: DeviceCounters = {
    dispatches: 0,
    submits: 0,
    buffersCreated: 0,
    bindGroupsCreated: 0,
    bytesUploaded: 0,
  };
  readonly lost: Promise<GPUDeviceLostInfo>;
  readonly rest: Rest;
  /** Whether it computes on the processor that also runs this code and builds pipelines. */
  readonly isSoftware: boolean;
  readonly #live = new Map<GPUBuffer, number>();
  /** Of buffers that have not changed yet. */
  readonly #watches = new Map<{ changed: boolean }, ReadonlySet<GPUBuffer>>();
  readonly #failures: DeviceError[] = [];
  #liveBytes = 0;
  #lostBecause: string | undefined;

  constructor(gpu: GPUDevice, info: DeviceInfo) {
    this.gpu = gpu;
    this.rest = restFor(info);
    this.isSoftware = info.software;
    this.limits = readLimits(gpu.limits);
    this.lost = gpu.lost;
    gpu.addEventListener('uncapturederror', this.#onUncapturedError);
    gpu.lost.then(({ reason, message }) => {
      this.#lostBecause ??= `${reason}: ${message || 'no message'}`;
    });
  }

  /** Buffers created here and not yet destroyed. */
  get liveBuffers(): number {
    return this.#live.size;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Watches buffers until one of them changes or is destroyed. */
  watch(buffers: readonly GPUBuffer[]): Watch {
    const watch = { changed: false };
    this.#watches.set(watch, new Set(buffers));
    return watch;
  }

  /** Is told of buffers that change: by uploads, and by runs of plans that they are part of. */
  noteChanges(buffers: readonly GPUBuffer[]): void {
    for (const [watch, watched] of this.#watches) {
      if (!buffers.some((buffer) => watched.has(buffer))) continue;
      watch.changed = true;
      this.#watches.delete(watch);
    }
  }

  /**
   * Creates a buffer that lives until {@link destroyBuffer} or the device's disposal.
   *
   * @throws {OutOfMemoryError} if it exceeds the adapter's largest buffer. Where memory is short,
   *   the error comes with the next call that waits for the device.
   */
  createBuffer({ label, bytes, usage = defaultUsage, content }: BufferRequest): GPUBuffer {
    this.assertAlive(`create buffer '${label}'`);
    if (!Number.isSafeInteger(bytes) || bytes <= 0 || (content && content.byteLength > bytes)) {
      throw new DeviceError(
        `buffer '${label}': bytes is ${bytes}${content ? ` for ${content.byteLength} bytes of content` : ''}, ` +
          'expected a positive integer that the content fits in.',
      );
    }
    const size = Math.ceil(bytes / 4) * 4;
    if (size > this.limits.maxBufferSize) {
      throw new OutOfMemoryError(
        `buffer '${label}': needs ${formatBytes(size)}, this adapter allows at most ` +
          `${formatBytes(this.limits.maxBufferSize)} a buffer (maxBufferSize). ` +
          'Use a smaller model, batch or number of steps.',
      );
    }
    this.gpu.pushErrorScope('out-of-memory');
    const buffer = this.gpu.createBuffer({ label, size, usage });
    this.#collectOutOfMemory(label, size);
    this.counters.buffersCreated += 1;
    this.#live.set(buffer, size);
    this.#liveBytes += size;
    if (content) this.upload(buffer, 0, content);
    return buffer;
  }

  /** Destroys a buffer made by {@link createBuffer}. Doing so twice is harmless. */
  destroyBuffer(buffer: GPUBuffer): void {
    const bytes = this.#live.get(buffer);
    if (bytes === undefined) return;
    this.noteChanges([buffer]);
    this.#live.delete(buffer);
    this.#liveBytes -= bytes;
    buffer.destroy();
  }

  /** Copies bytes into a buffer, after the work submitted so far and before what follows. */
  upload(buffer: GPUBuffer, offsetBytes: number, data: ArrayBufferView): void {
    this.assertAlive(`upload to buffer '${buffer.label}'`);
    if (offsetBytes % 4 !== 0 || offsetBytes + data.byteLength > buffer.size) {
      throw new DeviceError(
        `buffer '${buffer.label}': upload of ${data.byteLength} bytes at offset ${offsetBytes}, ` +
          `expected an offset that is a multiple of 4 and an end within ${buffer.size} bytes.`,
      );
    }
    let bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (bytes.byteLength % 4 !== 0) {
      const padded = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
      padded.set(bytes);
      bytes = padded;
    }
    this.gpu.queue.writeBuffer(buffer, offsetBytes, bytes);
    this.counters.bytesUploaded += data.byteLength;
    this.noteChanges([buffer]);
  }

  /** Submits what `encode` encodes. Returns its result. */
  submit<T>(label: string, encode: (submission: Submission) => T): T {
    const submission = new Submission(this.gpu, label, this.counters, !this.isSoftware);
    const result = encode(submission);
    submission.end();
    return result;
  }

  /** @throws {DeviceLostError} if the device is gone; `action` says what was wanted of it. */
  assertAlive(action: string): void {
    if (this.#lostBecause === undefined) return;
    throw new DeviceLostError(
      `${action}: the device was lost (${this.#lostBecause}). ` +
        'Request a new one with requestDevice() and go on from the last checkpoint.',
    );
  }

  /**
   * Waits for `work` and for the errors of everything called before.
   *
   * @throws the first error that the device reported since the last call, a
   *   {@link DeviceLostError} if it was lost meanwhile, or a {@link DeviceError} if `work` failed.
   */
  async settle<T>(action: string, work: Promise<T>): Promise<T> {
    this.assertAlive(action);
    this.rest(work);
    const delivered = this.#deliverErrors();
    const [outcome] = await Promise.allSettled([work, delivered]);
    const failure = this.#takeFailure();
    if (failure) throw failure;
    if (outcome.status === 'fulfilled') return outcome.value;
    // A lost device fails the work first and is reported a moment later.
    await new Promise((resolve) => setTimeout(resolve));
    this.assertAlive(action);
    throw new DeviceError(`${action}: ${String(outcome.reason)}`, { cause: outcome.reason });
  }

  fail(error: DeviceError): void {
    this.#failures.push(error);
  }

  /** Destroys every buffer; later calls throw. `ownsDevice` destroys the GPU device too. */
  dispose(ownsDevice: boolean): void {
    if (this.#lostBecause === undefined) this.#lostBecause = 'destroyed: dispose() was called';
    for (const buffer of [...this.#live.keys()]) this.destroyBuffer(buffer);
    this.gpu.removeEventListener('uncapturederror', this.#onUncapturedError);
    if (ownsDevice) this.gpu.destroy();
  }

  readonly #onUncapturedError = ({ error }: GPUUncapturedErrorEvent): void => {
    const memory = error.constructor.name === 'GPUOutOfMemoryError';
    const remedy = memory
      ? 'Use a smaller model, batch or number of steps.'
      : 'This is a mistake in the plan or a shader, not in your data; please report it.';
    const message = `device: ${error.message.trim()}\n${remedy}`;
    this.fail(memory ? new OutOfMemoryError(message) : new DeviceError(message));
  };

  #takeFailure(): DeviceError | undefined {
    const [first, ...others] = this.#failures.splice(0);
    if (first && others.length > 0) first.message += `\n(and ${others.length} more errors)`;
    return first;
  }

  /** Errors are delivered in order: when an empty scope comes back, those before it are here. */
  async #deliverErrors(): Promise<void> {
    this.gpu.pushErrorScope('validation');
    await this.gpu.popErrorScope().catch(() => null);
  }

  #collectOutOfMemory(label: string, bytes: number): void {
    this.gpu.popErrorScope().then(
      (error) => {
        if (!error) return;
        this.fail(
          new OutOfMemoryError(
            `buffer '${label}': the device has no ${formatBytes(bytes)} left beside ` +
              `${formatBytes(this.#liveBytes)} in ${this.#live.size} buffers (${error.message.trim()}). ` +
              'Dispose what is not needed, or use a smaller model, batch or number of steps.',
          ),
        );
      },
      () => undefined,
    );
  }
}

/** A number of bytes as people read it, e.g. `1.50 GiB (1610612736 bytes)`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  if (power === 0) return `${bytes} bytes`;
  return `${(bytes / 1024 ** power).toFixed(2)} ${units[power]} (${bytes} bytes)`;
}
