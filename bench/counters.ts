/** Calls of the WebGPU API, counted from outside, the same for every library. */
export interface GpuCounts {
  readonly dispatches: number;
  readonly submits: number;
  readonly buffersCreated: number;
  readonly bindGroupsCreated: number;
  readonly pipelinesCreated: number;
  /** By writeBuffer and through mapped memory. */
  readonly bytesUploaded: number;
  /** Memory of buffers that were created. */
  readonly bytesAllocated: number;
  /** Time that the calling thread spent inside of API calls. */
  readonly apiMs: number;
}

/** Counts the calls of one realm: a page, a frame or a process. */
export interface GpuWatch {
  /** A copy of the counts so far. */
  counts(): GpuCounts;
  /** Most memory in buffers that were alive together, in bytes. */
  peakBytes(): number;
  /** Messages of errors that nobody caught, since the last call. */
  takeErrors(): string[];
  /** Whether any device was opened. */
  sawDevice(): boolean;
}

/** WebGPU's classes whose calls are counted, on a global object; missing where there is no WebGPU. */
export type GpuRealm = { readonly [name in (typeof classNames)[number]]?: { prototype: object } };

const classNames = [
  'GPUAdapter',
  'GPUDevice',
  'GPUQueue',
  'GPUBuffer',
  'GPUCommandEncoder',
  'GPUComputePassEncoder',
  'GPUComputePipeline',
] as const;

/** What to do after a call: with its result, the object and the arguments. */
type Note = (result: never, self: never, given: never) => void;

/**
 * Wraps every method of a realm's WebGPU classes. Do so before a library opens its device.
 *
 * Memory counts until `destroy()` of its buffer or device; what a library leaves to garbage collection
 * counts for ever.
 */
export function watchGpu(realm: GpuRealm): GpuWatch {
  const counts: { -readonly [name in keyof GpuCounts]: number } = {
    dispatches: 0,
    submits: 0,
    buffersCreated: 0,
    bindGroupsCreated: 0,
    pipelinesCreated: 0,
    bytesUploaded: 0,
    bytesAllocated: 0,
    apiMs: 0,
  };
  const memory = new Memory();
  const errors: string[] = [];
  let devices = 0;

  const countPipeline: Note = () => {
    counts.pipelinesCreated += 1;
  };
  const countDispatch: Note = () => {
    counts.dispatches += 1;
  };
  const notes: Record<string, Note> = {
    'GPUAdapter.requestDevice': (pending: Promise<GPUDevice>) => {
      devices += 1;
      pending.then(
        (device) => {
          device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
        },
        () => undefined,
      );
    },
    'GPUDevice.createComputePipeline': countPipeline,
    'GPUDevice.createComputePipelineAsync': countPipeline,
    'GPUDevice.createBindGroup': () => {
      counts.bindGroupsCreated += 1;
    },
    'GPUDevice.createBuffer': (
      buffer: GPUBuffer,
      device: GPUDevice,
      [descriptor]: [GPUBufferDescriptor],
    ) => {
      const { size, mappedAtCreation } = descriptor;
      counts.buffersCreated += 1;
      counts.bytesAllocated += size;
      if (mappedAtCreation) counts.bytesUploaded += size;
      memory.add(device, buffer, size);
    },
    'GPUDevice.destroy': (_result, device: GPUDevice) => memory.removeAll(device),
    'GPUBuffer.destroy': (_result, buffer: GPUBuffer) => memory.remove(buffer),
    'GPUBuffer.mapAsync': (_result, buffer: GPUBuffer, given: [number, number?, number?]) => {
      const isForWriting = (given[0] & 2) !== 0;
      if (isForWriting) counts.bytesUploaded += given[2] ?? buffer.size;
    },
    'GPUComputePassEncoder.dispatchWorkgroups': countDispatch,
    'GPUComputePassEncoder.dispatchWorkgroupsIndirect': countDispatch,
    'GPUQueue.submit': () => {
      counts.submits += 1;
    },
    'GPUQueue.writeBuffer': (_result, _queue, given: WriteArguments) => {
      counts.bytesUploaded += countBytes(given);
    },
  };
  const addTime = (ms: number): void => {
    counts.apiMs += ms;
  };
  for (const className of classNames) {
    const prototype = realm[className]?.prototype;
    if (prototype) wrapMethods(prototype, (method) => notes[`${className}.${method}`], addTime);
  }

  return {
    counts: () => ({ ...counts }),
    peakBytes: () => memory.peak,
    takeErrors: () => errors.splice(0),
    sawDevice: () => devices > 0,
  };
}

/** The difference of two counts. */
export function subtractCounts(after: GpuCounts, before: GpuCounts): GpuCounts {
  const names = Object.keys(after) as (keyof GpuCounts)[];
  const entries = names.map((name) => [name, after[name] - before[name]]);
  return Object.fromEntries(entries) as unknown as GpuCounts;
}

function wrapMethods(
  prototype: object,
  findNote: (method: string) => Note | undefined,
  addTime: (ms: number) => void,
): void {
  const methods = prototype as Record<string, (...given: unknown[]) => unknown>;
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    const original: unknown = property.value;
    if (typeof original !== 'function' || name === 'constructor') continue;
    const note = findNote(name) as ((...given: unknown[]) => void) | undefined;
    methods[name] = function (this: unknown, ...given: unknown[]) {
      const start = performance.now();
      const result: unknown = original.apply(this, given);
      addTime(performance.now() - start);
      note?.(result, this, given);
      return result;
    };
  }
}

type WriteArguments = [
  buffer: GPUBuffer,
  bufferOffset: number,
  data: ArrayBuffer | ArrayBufferView,
  offset?: number,
  size?: number,
];

/** Bytes that writeBuffer copies: offset and size are elements of a typed array, else bytes. */
function countBytes([, , data, offset = 0, size]: WriteArguments): number {
  const unit = (data as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  return size === undefined ? data.byteLength - unit * offset : unit * size;
}

/** Buffers alive, per device. */
class Memory {
  readonly #sizes = new WeakMap<GPUBuffer, { device: GPUDevice; size: number }>();
  readonly #live = new WeakMap<GPUDevice, number>();
  #total = 0;
  peak = 0;

  add(device: GPUDevice, buffer: GPUBuffer, size: number): void {
    this.#sizes.set(buffer, { device, size });
    this.#change(device, size);
  }

  remove(buffer: GPUBuffer): void {
    const entry = this.#sizes.get(buffer);
    if (!entry) return;
    this.#sizes.delete(buffer);
    if (this.#live.has(entry.device)) this.#change(entry.device, -entry.size);
  }

  removeAll(device: GPUDevice): void {
    this.#total -= this.#live.get(device) ?? 0;
    this.#live.delete(device);
  }

  #change(device: GPUDevice, bytes: number): void {
    this.#live.set(device, (this.#live.get(device) ?? 0) + bytes);
    this.#total += bytes;
    this.peak = Math.max(this.peak, this.#total);
  }
}
