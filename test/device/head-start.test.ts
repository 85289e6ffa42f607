import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { globals } from 'webgpu';
import type { CompileOptions } from '../../src/device/compile.ts';
import { Device } from '../../src/device/device.ts';
import { ShaderError } from '../../src/errors.ts';
import type { KernelDescription } from '../../src/kernels/description.ts';
import type { Launch, Plan, PlanBuffer } from '../../src/schedule/plan.ts';
import { useDevice } from '../support/device.ts';

const getDevice = useDevice();
const count = 100;
const bytes = 4 * count;

type Prototypes = {
  readonly GPUDevice: { prototype: GPUDevice };
  readonly GPUComputePassEncoder: { prototype: GPUComputePassEncoder };
};
const { GPUDevice, GPUComputePassEncoder } = globals as Prototypes;

/** to[i] = from[i] + `term`; a pipeline for each term. */
function addition(name: string, term: string): KernelDescription {
  return {
    name,
    entryPoint: 'add',
    source: /* wgsl */ `
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> to: array<f32>;

@compute @workgroup_size(64)
fn add(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < ${count}) { to[id.x] = source[id.x] + ${term}; }
}
`,
    joins: [],
    cell: false,
    constants: {},
    bindings: {
      source: { group: 0, binding: 0, kind: 'storage', access: 'read', type: 'array<f32>' },
      to: { group: 0, binding: 1, kind: 'storage', access: 'read_write', type: 'array<f32>' },
    },
  };
}

const kernels = {
  early: addition('early', '1.0'),
  middle: addition('middle', '20.0'),
  late: addition('late', '300.0'),
  broken: addition('broken', 'nothing'),
};

/** A chain through buffers: values (shared), two activations, result (shared). */
function chain(names: readonly string[] = ['early', 'middle', 'late']): Plan {
  const view = (buffer: number) => ({ buffer, offsetBytes: 0, bytes });
  const launches = names.map((kernel, index): Launch => {
    return {
      label: kernel,
      kernel,
      constants: {},
      bindings: { source: view(index), to: view(index + 1) },
      workgroups: [2, 1, 1],
      cost: { flops: count, readBytes: bytes, writtenBytes: bytes },
    };
  });
  return {
    name: 'chain',
    buffers: [
      { label: 'values', bytes, role: 'shared', key: 'values' },
      { label: 'one', bytes, role: 'activation' },
      { label: 'two', bytes, role: 'activation' },
      { label: 'result', bytes, role: 'shared', key: 'result' },
    ],
    prologue: [],
    launches,
    tensors: new Map([['result', { view: view(3), shape: [count], dtype: 'f32' }]]),
    decisions: [],
    neededBytes: 2 * bytes,
  };
}

/** Compiles `plan` on `device`; pipelines wait until they are released. */
function begin(device: Device, plan: Plan, options: Partial<CompileOptions> = {}) {
  const values = device.createBuffer({ label: 'values', bytes });
  const result = device.createBuffer({ label: 'result', bytes });
  const shared = new Map([
    ['values', values],
    ['result', result],
  ]);
  const compiling = device.compile(plan, shared, { kernels, headStart: true, ...options });
  compiling.catch(() => undefined);
  device.upload(values, 0, new Float32Array(count).fill(5));
  return { values, shared, compiling };
}

/** {@link begin}, and waits until the first launch has been submitted. */
async function beginEarly(device: Device, plan: Plan) {
  const begun = begin(device, plan);
  release('early');
  await untilSubmitted(device, 1);
  return begun;
}

const releases = new Map<string, () => void>();
const release = (...names: string[]) => {
  for (const name of names) releases.get(name)?.();
};
let dispatches: { readonly mock: { readonly calls: readonly unknown[] } };
const dispatched = () => dispatches.mock.calls.length;
/** Checked with an encoder that is thrown away, then submitted. */
const untilSubmitted = (device: Device, submits: number) =>
  vi.waitFor(() => expect(device.counters.submits).toBe(submits));

beforeEach(() => {
  const create = GPUDevice.prototype.createComputePipelineAsync;
  vi.spyOn(GPUDevice.prototype, 'createComputePipelineAsync').mockImplementation(async function (
    this: GPUDevice,
    descriptor,
  ) {
    const held = new Promise<void>((resolve) => releases.set(descriptor.label ?? '', resolve));
    const pipeline = await create.call(this, descriptor);
    await held;
    return pipeline;
  });
  dispatches = vi.spyOn(GPUComputePassEncoder.prototype, 'dispatchWorkgroups');
});

afterEach(() => {
  vi.restoreAllMocks();
  releases.clear();
});

/** A device of its own, which shares the GPU's and says of it what is asked. */
function openDevice(software = true): Device {
  const { gpu, info } = getDevice();
  return new Device({ gpu, info: { ...info, software }, ownsDevice: false });
}

describe('a head start', () => {
  it('runs what is built while the rest is being built, and the first run goes on from there', async () => {
    using device = openDevice();
    const { compiling } = await beginEarly(device, chain());
    release('middle');
    await untilSubmitted(device, 2);
    release('late');
    using executable = await compiling;
    expect(device.counters.dispatches).toBe(2);
    const before = dispatched();
    const [first] = await executable.runAndRead(['result']);
    expect(first).toEqual(new Float32Array(count).fill(326));
    expect(dispatched() - before).toBe(1);
    expect(device.counters.dispatches).toBe(3);
    const [second] = await executable.runAndRead(['result'], { repeats: 2 });
    expect(second).toEqual(first);
    expect(dispatched() - before).toBe(1 + 2 * 3);
    expect(device.counters.dispatches).toBe(9);
  });

  it('goes on from there with several repetitions too', async () => {
    using device = openDevice();
    const { compiling } = await beginEarly(device, chain());
    release('middle', 'late');
    using executable = await compiling;
    const ahead = device.counters.dispatches;
    await executable.runAndRead(['result'], { repeats: 3 });
    expect(ahead).toBeGreaterThan(0);
    expect(device.counters.dispatches).toBe(9);
  });

  it('is given up when what it read has changed', async () => {
    using device = openDevice();
    const { values, compiling } = await beginEarly(device, chain());
    release('middle', 'late');
    using executable = await compiling;
    device.upload(values, 0, new Float32Array(count).fill(7));
    const before = dispatched();
    const [result] = await executable.runAndRead(['result']);
    expect(result).toEqual(new Float32Array(count).fill(328));
    expect(dispatched() - before).toBe(3);
  });

  it('is given up when something changes between two of its parts', async () => {
    using device = openDevice();
    const { values, compiling } = await beginEarly(device, chain());
    device.upload(values, 0, new Float32Array(count).fill(7));
    release('middle', 'late');
    using executable = await compiling;
    expect(device.counters.dispatches).toBe(1);
    const [result] = await executable.runAndRead(['result']);
    expect(result).toEqual(new Float32Array(count).fill(328));
    expect(device.counters.dispatches).toBe(4);
  });

  it('is given up when another plan has run on one of its buffers', async () => {
    using device = openDevice();
    const { shared, compiling } = await beginEarly(device, chain());
    release('middle', 'late');
    using executable = await compiling;
    // Takes what it adds to from `result`, where the first plan puts what it found.
    const other = chain(['early']);
    const [values, one, two, result] = other.buffers as [
      PlanBuffer,
      PlanBuffer,
      PlanBuffer,
      PlanBuffer,
    ];
    const buffers = [{ ...result }, { ...values }, one, two];
    const tensors: Plan['tensors'] = new Map();
    using turned = await device.compile({ ...other, buffers, tensors }, shared, { kernels });
    turned.run();
    const ahead = device.counters.dispatches;
    const [found] = await executable.runAndRead(['result']);
    expect(found).toEqual(new Float32Array(count).fill(322));
    expect(device.counters.dispatches).toBe(ahead + 3);
  });

  it('stands when others run on buffers of their own, and when its buffers are read', async () => {
    using device = openDevice();
    const { compiling } = await beginEarly(device, chain());
    const other = begin(device, chain());
    release('middle', 'late');
    using executable = await compiling;
    const ahead = device.counters.dispatches;
    using another = await other.compiling;
    expect(await another.runAndRead(['result'])).toEqual([new Float32Array(count).fill(326)]);
    expect(await executable.read('result')).toEqual(new Float32Array(count));
    const before = dispatched();
    const [result] = await executable.runAndRead(['result']);
    expect(result).toEqual(new Float32Array(count).fill(326));
    expect(ahead).toBeGreaterThan(0);
    expect(dispatched() - before).toBeLessThan(3);
  });

  it('ends before the first launch that changes a shared buffer', async () => {
    using device = openDevice();
    const plan = chain();
    const buffers = plan.buffers.map((buffer, index): PlanBuffer => {
      return index === 2 ? { ...buffer, role: 'shared', key: 'values' } : buffer;
    });
    const { compiling } = begin(device, { ...plan, buffers });
    release('early', 'middle');
    await untilSubmitted(device, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(device.counters.dispatches).toBe(1);
    release('late');
    using executable = await compiling;
    expect(device.counters.dispatches).toBe(1);
    expect(await executable.read('result')).toEqual(new Float32Array(count));
  });

  it('is none where it is not asked for, and none on a GPU', async () => {
    for (const [software, headStart] of [
      [true, false],
      [false, true],
    ] as const) {
      using device = openDevice(software);
      const { compiling } = begin(device, chain(), { headStart });
      release('early');
      await new Promise((resolve) => setTimeout(resolve, 20));
      release('middle', 'late');
      using executable = await compiling;
      expect(device.counters.dispatches).toBe(0);
      const [result] = await executable.runAndRead(['result']);
      expect(result).toEqual(new Float32Array(count).fill(326));
    }
  });

  it('does not hide that another kernel does not compile, and leaves nothing behind', async () => {
    using device = openDevice();
    const { compiling } = await beginEarly(device, chain(['early', 'middle', 'broken']));
    release('middle', 'broken');
    await expect(compiling).rejects.toThrow(ShaderError);
    await expect(compiling).rejects.toThrow("launch 'broken': kernel 'broken' does not compile");
    expect(device.liveBuffers).toBe(2);
    await device.check();
  });
});
