import { afterEach, describe, expect, it, vi } from 'vitest';
import { globals } from 'webgpu';
import { Device } from '../../src/device/device.ts';
import { requestNodeAdapter } from '../../src/device/node.ts';
import { requestDevice } from '../../src/device/request.ts';
import { OptionError } from '../../src/errors.ts';
import {
  accumulateCount,
  compileAccumulate,
  makeAccumulatePlan,
  testKernels,
} from '../device-cases/accumulate-plan.ts';
import { useDevice } from '../support/device.ts';

const getDevice = useDevice();
const totalBytes = accumulateCount * 4;

type Prototypes = {
  readonly GPUDevice: { prototype: GPUDevice };
  readonly GPUCommandEncoder: { prototype: GPUCommandEncoder };
  readonly GPUQueue: { prototype: GPUQueue };
  readonly GPUComputePassEncoder: { prototype: GPUComputePassEncoder };
};
const { GPUDevice, GPUCommandEncoder, GPUQueue, GPUComputePassEncoder } = globals as Prototypes;

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a run, counted from outside', () => {
  it('is one encoder, one pass and one submit, and creates nothing', async () => {
    const { gpu, info } = getDevice();
    // A GPU begins with the first dispatches while more are encoded; see below.
    using device = new Device({ gpu, info: { ...info, software: true }, ownsDevice: false });
    const { executable, dispose } = await compileAccumulate(device);
    const calls = {
      buffers: vi.spyOn(GPUDevice.prototype, 'createBuffer'),
      bindGroups: vi.spyOn(GPUDevice.prototype, 'createBindGroup'),
      encoders: vi.spyOn(GPUDevice.prototype, 'createCommandEncoder'),
      uploads: vi.spyOn(GPUQueue.prototype, 'writeBuffer'),
      submits: vi.spyOn(GPUQueue.prototype, 'submit'),
      dispatches: vi.spyOn(GPUComputePassEncoder.prototype, 'dispatchWorkgroups'),
      pipelines: vi.spyOn(GPUComputePassEncoder.prototype, 'setPipeline'),
    };
    executable.run({ repeats: 50 });
    const counts = Object.fromEntries(
      Object.entries(calls).map(([name, spy]) => [name, spy.mock.calls.length]),
    );
    expect(counts).toEqual({
      buffers: 0,
      bindGroups: 0,
      encoders: 1,
      uploads: 0,
      submits: 1,
      dispatches: 100,
      pipelines: 1,
    });
    await executable.finished();
    dispose();
  });

  it('is several submits on a GPU, which begins while more is encoded', async () => {
    const { gpu, info } = getDevice();
    using device = new Device({ gpu, info: { ...info, software: false }, ownsDevice: false });
    const { executable, dispose } = await compileAccumulate(device);
    executable.write('values', new Float32Array(accumulateCount).fill(1));
    const passes = vi.spyOn(GPUCommandEncoder.prototype, 'beginComputePass');
    const pipelines = vi.spyOn(GPUComputePassEncoder.prototype, 'setPipeline');
    const before = { ...device.counters };
    const [inner, total] = await executable.runAndRead(['inner', 'total'], { repeats: 500 });
    expect([inner?.[5], total?.[5]]).toEqual([500, 500 * 501]);
    expect(device.counters.dispatches - before.dispatches).toBe(1000);
    // 32, 64, 128, three times 256, and the 8 that are left.
    expect(device.counters.submits - before.submits).toBe(7);
    expect([passes.mock.calls.length, pipelines.mock.calls.length]).toEqual([7, 7]);
    dispose();
  });

  it('runs the prologue once a submit', async () => {
    const { launches } = makeAccumulatePlan();
    const device = getDevice();
    const { executable, dispose } = await compileAccumulate(device, {
      prologue: launches.slice(0, 1),
      launches: launches.slice(1),
    });
    executable.write('values', new Float32Array(accumulateCount).fill(1));
    const before = device.counters.dispatches;
    executable.run({ repeats: 5 });
    expect(device.counters.dispatches - before).toBe(6);
    expect((await executable.read('inner'))[0]).toBe(1);
    expect((await executable.read('total'))[0]).toBe(10);
    dispose();
  });
});

describe('pipelines', () => {
  it('are built once for equal code and bindings', async () => {
    using device = await requestDevice();
    const create = vi.spyOn(GPUDevice.prototype, 'createComputePipelineAsync');
    const total = device.createBuffer({ label: 'total', bytes: totalBytes });
    const shared = new Map([['total', total]]);
    const copies = await Promise.all(
      [1, 2, 3].map(() => device.compile(makeAccumulatePlan(), shared, { kernels: testKernels })),
    );
    expect(create).toHaveBeenCalledTimes(1);
    for (const copy of copies) copy.dispose();
  });
});

describe('times', () => {
  it('are not there on a device without timestamp queries', async () => {
    const adapter = await requestNodeAdapter('auto', {});
    const plain = await adapter.requestDevice();
    using device = await requestDevice({ device: plain });
    const { executable } = await compileAccumulate(device);
    expect(await executable.time()).toBeNull();
    executable.dispose();
    plain.destroy();
  });
});

describe('readback', () => {
  it('reuses its staging buffers and keeps only a few', async () => {
    const device = getDevice();
    const buffer = device.createBuffer({ label: 'a', bytes: 1024 });
    await Promise.all(Array.from({ length: 10 }, () => device.download(buffer, 0, 1024)));
    const before = device.counters.buffersCreated;
    for (let index = 0; index < 10; index += 1) await device.download(buffer, 0, 512);
    expect(device.counters.buffersCreated).toBe(before);
    await Promise.all(Array.from({ length: 4 }, () => device.download(buffer, 0, 1024)));
    expect(device.counters.buffersCreated).toBe(before);
    device.destroyBuffer(buffer);
  });

  it('submits the copy at once, so that a later run does not change what is read', async () => {
    const { executable, dispose } = await compileAccumulate(getDevice());
    executable.write('values', new Float32Array(accumulateCount).fill(1));
    executable.run();
    const first = executable.read('inner');
    executable.run();
    const second = executable.read('inner');
    expect((await first)[5]).toBe(1);
    expect((await second)[5]).toBe(2);
    dispose();
  });

  it('of a run is in the same submit, and sees that run and none after it', async () => {
    const device = getDevice();
    const { executable, dispose } = await compileAccumulate(device);
    executable.write('values', new Float32Array(accumulateCount).fill(1));
    const before = device.counters.submits;
    const first = executable.runAndRead(['inner', 'total'], { repeats: 2 });
    executable.run();
    expect(device.counters.submits - before).toBe(2);
    const [inner, total] = await first;
    expect([inner?.length, inner?.[5]]).toEqual([accumulateCount, 2]);
    expect([total?.length, total?.[5]]).toEqual([accumulateCount, 6]);
    expect((await executable.readAll(['total', 'inner'])).map((array) => array[5])).toEqual([
      12, 3,
    ]);
    expect(() => executable.runAndRead(['inner'], { repeats: 0 })).toThrow(OptionError);
    await expect(executable.runAndRead(['no'])).rejects.toThrow("no tensor 'no'");
    dispose();
  });
});
