import type { Device } from '../device/device.ts';
import type { ShapeSource } from '../graph/tunable.ts';
import type { ParameterLayout } from '../schedule/parameter-layout.ts';
import type { Plan } from '../schedule/plan.ts';
import type { NamedArrays } from './engine.ts';

/** Buffers that several plans share, by key: parameters, moments, states, resident data. */
export class GpuStore {
  readonly buffers = new Map<string, GPUBuffer>();
  /** Counts the changes of the parameters, so that copies of them are made again only when they are stale. */
  parametersVersion = 0;

  /** @param tuning - shapes of the kernels of all these plans; without it the rules choose. */
  constructor(
    readonly device: Device,
    readonly tuning?: ShapeSource,
  ) {}

  /** Makes sure that every shared buffer of a plan exists; new ones hold zeros. */
  provide(plan: Plan): void {
    for (const { key, bytes } of plan.buffers) if (key !== undefined) this.create(key, bytes);
  }

  /** Creates a buffer if there is none by this key. Returns it. */
  create(key: string, bytes: number, content?: Uint8Array): GPUBuffer {
    const known = this.buffers.get(key);
    if (known) return known;
    const request = { label: key, bytes, ...(content && { content }) };
    const buffer = this.device.createBuffer(request);
    this.buffers.set(key, buffer);
    return buffer;
  }

  /** Replaces the content of a buffer that exists. */
  write(key: string, data: ArrayBufferView, offsetBytes = 0): void {
    this.device.upload(this.buffer(key), offsetBytes, data);
  }

  /** Fills a buffer with zeros. */
  clear(key: string): void {
    this.write(key, new Uint8Array(this.buffer(key).size));
  }

  /** A buffer that exists. */
  buffer(key: string): GPUBuffer {
    const buffer = this.buffers.get(key);
    if (!buffer) throw new TypeError(`there is no shared buffer '${key}'`);
    return buffer;
  }

  /** The content of a buffer after what was submitted so far. */
  read(key: string, bytes?: number): Promise<Uint8Array<ArrayBuffer>> {
    const buffer = this.buffer(key);
    return this.device.download(buffer, 0, bytes ?? buffer.size);
  }

  /** Splits a flat buffer into its parameters. */
  async readParameters(key: string, layout: ParameterLayout): Promise<NamedArrays> {
    const flat = new Float32Array((await this.read(key, 4 * layout.totalFloats)).buffer);
    const values: NamedArrays = new Map();
    for (const [name, { offsetFloats, size }] of layout.slots) {
      values.set(name, flat.slice(offsetFloats, offsetFloats + size));
    }
    return values;
  }

  /** Frees a buffer, if there is one by this key. */
  remove(key: string): void {
    const buffer = this.buffers.get(key);
    if (buffer) this.device.destroyBuffer(buffer);
    this.buffers.delete(key);
  }

  dispose(): void {
    for (const buffer of this.buffers.values()) this.device.destroyBuffer(buffer);
    this.buffers.clear();
  }
}
