import { DeviceError } from '../errors.ts';
import type { DeviceCore } from './core.ts';
import { bufferUsage, mapModeRead } from './flags.ts';
import type { Submission } from './submission.ts';

/** Staging buffers kept for the next readback. More are made where more are under way at once. */
const keptBuffers = 4;

/** Larger ones are destroyed after use. */
const largestKeptBytes = 16 * 1024 * 1024;

/** Bytes of a buffer. `offsetBytes` is a multiple of 4. */
export interface ReadbackRange {
  readonly buffer: GPUBuffer;
  readonly offsetBytes: number;
  readonly bytes: number;
}

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
   * @param label - What is read, for messages.
   * @param encode - Encodes work of the same submission, ahead of the copies.
   * @returns Copies of the ranges as they are after the work submitted so far and that of `encode`.
   * @throws {DeviceError} if a range lies outside its buffer, or the device reported an error.
   */
  async download(
    label: string,
    ranges: readonly ReadbackRange[],
    encode?: (submission: Submission) => void,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    const action = `read back ${label}`;
    this.#core.assertAlive(action);
    for (const range of ranges) assertRange(action, range);
    let size = 0;
    const parts = ranges.map((range) => {
      const at = size;
      size += roundUp(range.bytes);
      return { ...range, at };
    });
    const staging = this.#takeStaging(size);
    this.#core.submit(label, (submission) => {
      encode?.(submission);
      const { encoder } = submission;
      for (const { buffer, offsetBytes, bytes, at } of parts) {
        encoder.copyBufferToBuffer(buffer, offsetBytes, staging, at, roundUp(bytes));
      }
    });
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
    const content = staging.getMappedRange(0, size);
    const copies = parts.map(({ at, bytes }) => new Uint8Array(content.slice(at, at + bytes)));
    staging.unmap();
    this.#giveBack(staging);
    return copies;
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

function assertRange(action: string, { buffer, offsetBytes, bytes }: ReadbackRange): void {
  const isAligned = offsetBytes >= 0 && offsetBytes % 4 === 0;
  if (bytes > 0 && isAligned && offsetBytes + roundUp(bytes) <= buffer.size) return;
  throw new DeviceError(
    `${action}: ${bytes} bytes at offset ${offsetBytes}, expected an offset that is a multiple ` +
      `of 4 and a range within ${buffer.size} bytes.`,
  );
}

/** Copies are of whole words. */
function roundUp(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
