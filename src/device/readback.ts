import { DeviceError } from '../errors.ts';
import type { DeviceCore } from './core.ts';
import { bufferUsage, mapModeRead } from './flags.ts';

/** Staging buffers kept for the next readback. More are made where more are under way at once. */
const keptBuffers = 4;

/** Larger ones are destroyed after use. */
const largestKeptBytes = 16 * 1024 * 1024;

/**
 * Reads buffers back through mappable staging buffers. The copy is submitted at once, so later work
 * cannot change what is read, and nothing waits; results arrive in the order of the calls.
 */
export class ReadbackRing {
  readonly #core: DeviceCore;
  readonly #idle: GPUBuffer[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(core: DeviceCore) {
    this.#core = core;
  }

  /**
   * @param offsetBytes - A multiple of 4.
   * @returns A copy of `bytes` bytes as they are after the work submitted so far.
   * @throws {DeviceError} if the range lies outside the buffer, or the device reported an error.
   */
  async download(
    buffer: GPUBuffer,
    offsetBytes: number,
    bytes: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const action = `read back buffer '${buffer.label}'`;
    this.#core.assertAlive(action);
    const size = Math.ceil(bytes / 4) * 4;
    if (
      bytes <= 0 ||
      offsetBytes < 0 ||
      offsetBytes % 4 !== 0 ||
      offsetBytes + size > buffer.size
    ) {
      throw new DeviceError(
        `${action}: ${bytes} bytes at offset ${offsetBytes}, expected an offset that is a multiple ` +
          `of 4 and a range within ${buffer.size} bytes.`,
      );
    }
    const staging = this.#takeStaging(size);
    const encoder = this.#core.gpu.createCommandEncoder({ label: 'readback' });
    encoder.copyBufferToBuffer(buffer, offsetBytes, staging, 0, size);
    this.#core.submit(encoder.finish());
    const mapped = this.#core.settle(action, staging.mapAsync(mapModeRead, 0, size));
    const turn = Promise.allSettled([this.#last, mapped]).then(() => undefined);
    this.#last = turn;
    await turn;
    try {
      await mapped;
    } catch (error) {
      staging.destroy();
      throw error;
    }
    const copy = new Uint8Array(staging.getMappedRange(0, size).slice(0, bytes));
    staging.unmap();
    this.#giveBack(staging);
    return copy;
  }

  dispose(): void {
    for (const staging of this.#idle.splice(0)) staging.destroy();
  }

  #takeStaging(bytes: number): GPUBuffer {
    const index = this.#idle.findIndex((staging) => staging.size >= bytes);
    const [found] = index < 0 ? [] : this.#idle.splice(index, 1);
    if (found) return found;
    this.#core.counters.buffersCreated += 1;
    return this.#core.gpu.createBuffer({
      label: 'readback/staging',
      size: bytes > largestKeptBytes ? bytes : Math.max(256, 2 ** Math.ceil(Math.log2(bytes))),
      usage: bufferUsage.mapRead | bufferUsage.copyTarget,
    });
  }

  /** Keeps the largest few, so that a growing need does not leave small ones behind. */
  #giveBack(staging: GPUBuffer): void {
    if (staging.size > largestKeptBytes) {
      staging.destroy();
      return;
    }
    this.#idle.push(staging);
    this.#idle.sort((a, b) => a.size - b.size);
    if (this.#idle.length > keptBuffers) this.#idle.shift()?.destroy();
  }
}
