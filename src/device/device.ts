import { kernels as builtInKernels } from '../kernels/generated/index.ts';
import { cellParts } from '../kernels/generated/parts.ts';
import type { Plan } from '../schedule/plan.ts';
import type { DeviceInfo, DeviceLimits } from './adapter.ts';
import { type CompileOptions, compilePlan } from './compile.ts';
import { type BufferRequest, DeviceCore, type DeviceCounters } from './core.ts';
import type { Executable } from './executable.ts';
import { PipelineCache } from './pipelines.ts';
import { ReadbackRing } from './readback.ts';

/** What a {@link Device} is made of. */
export interface DeviceParts {
  readonly gpu: GPUDevice;
  readonly info: DeviceInfo;
  /** Whether disposing the device destroys the GPU device. */
  readonly ownsDevice: boolean;
}

/**
 * A GPU device that compiles plans and owns buffers. Get one from `requestDevice()`; `dispose()` it
 * when done, which destroys everything made through it.
 *
 * WebGPU reports mistakes later than the call that made them: they are thrown by the next call that
 * waits (`download`, `compile`, `check`, an executable's `read` and `finished`).
 */
export class Device {
  readonly gpu: GPUDevice;
  readonly info: DeviceInfo;
  readonly limits: DeviceLimits;
  readonly features: ReadonlySet<string>;
  readonly #core: DeviceCore;
  readonly #ring: ReadbackRing;
  readonly #pipelines: PipelineCache;
  readonly #ownsDevice: boolean;
  #disposed = false;

  constructor({ gpu, info, ownsDevice }: DeviceParts) {
    this.gpu = gpu;
    this.info = info;
    this.features = new Set(gpu.features);
    this.#core = new DeviceCore(gpu, info);
    this.limits = this.#core.limits;
    this.#ring = new ReadbackRing(this.#core);
    this.#pipelines = new PipelineCache(this.#core);
    this.#ownsDevice = ownsDevice;
  }

  /** Resolves when the device is lost, with the reason; after `dispose()` too. */
  get lost(): Promise<GPUDeviceLostInfo> {
    return this.#core.lost;
  }

  /** API calls made through this device. Read them before and after to count. */
  get counters(): Readonly<DeviceCounters> {
    return this.#core.counters;
  }

  /** Buffers created and not yet destroyed, without the few that readback keeps. */
  get liveBuffers(): number {
    return this.#core.liveBuffers;
  }

  /** Bytes in {@link liveBuffers}. */
  get liveBytes(): number {
    return this.#core.liveBytes;
  }

  /** One line for logs: what it is, whether it is software, and what runs it. */
  describe(): string {
    const { description, vendor, architecture, software, runtime } = this.info;
    const name =
      description || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed adapter';
    const place = { node: 'on Dawn/Node', deno: 'on wgpu/Deno', browser: 'in the browser' }[
      runtime
    ];
    return `${name} (${software ? 'software' : 'hardware'}) ${place}`;
  }

  /**
   * Creates a buffer; usage defaults to storage with copies in both directions. It lives until
   * {@link destroyBuffer} or {@link dispose}.
   *
   * @throws {OutOfMemoryError} if it exceeds the adapter's largest buffer.
   */
  createBuffer(request: BufferRequest): GPUBuffer {
    return this.#core.createBuffer(request);
  }

  /** Destroys a buffer from {@link createBuffer}. Doing so twice is harmless. */
  destroyBuffer(buffer: GPUBuffer): void {
    this.#core.destroyBuffer(buffer);
  }

  /**
   * Writes bytes into a buffer, after what was submitted so far and before what follows.
   *
   * @param offsetBytes - A multiple of 4. A length that is none is padded with zeros.
   */
  upload(buffer: GPUBuffer, offsetBytes: number, data: ArrayBufferView): void {
    this.#core.upload(buffer, offsetBytes, data);
  }

  /**
   * Reads bytes as they are after what was submitted so far. Does not hold up later submits;
   * results arrive in the order of the calls.
   *
   * @param offsetBytes - A multiple of 4.
   */
  async download(
    buffer: GPUBuffer,
    offsetBytes: number,
    bytes: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const ranges = [{ buffer, offsetBytes, bytes }];
    const [copy] = await this.#ring.download(`buffer '${buffer.label}'`, ranges);
    return copy as Uint8Array<ArrayBuffer>;
  }

  /**
   * Compiles a plan for replay.
   *
   * @param shared - Buffers for the plan's `shared` ones, by key. They stay the caller's.
   * @param options - `poison` fills activations with NaN, so that a value nobody wrote shows;
   *   `kernels` and `cells` are added to the built-in ones. All are for tests.
   * @throws {ShaderError}, {OutOfMemoryError} or {DeviceError}, naming the launch.
   */
  compile(
    plan: Plan,
    shared: ReadonlyMap<string, GPUBuffer> = new Map(),
    options: Partial<CompileOptions> = {},
  ): Promise<Executable> {
    const context = { core: this.#core, pipelines: this.#pipelines, ring: this.#ring };
    return compilePlan(context, plan, shared, {
      ...options,
      kernels: { ...builtInKernels, ...options.kernels },
      cells: { ...cellParts, ...options.cells },
    });
  }

  /**
   * Waits for everything submitted and for its errors.
   *
   * @throws the first error reported since the last call that waited, or {@link DeviceLostError}.
   */
  check(): Promise<void> {
    const { gpu } = this;
    return this.#core.settle(
      'check',
      gpu.queue.onSubmittedWorkDone().then(() => undefined),
    );
  }

  /** Destroys every buffer made through this device, and the GPU device unless it was the caller's. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#ring.dispose();
    this.#core.dispose(this.#ownsDevice);
  }

  /** {@link dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
