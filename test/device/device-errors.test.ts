import { describe, expect, it, vi } from 'vitest';
import { requestDevice } from '../../src/device/request.ts';
import {
  DeviceError,
  DeviceLostError,
  OptionError,
  OutOfMemoryError,
  ShaderError,
  ShapeError,
} from '../../src/errors.ts';
import type { KernelDescription } from '../../src/kernels/description.ts';
import type { Launch, Plan } from '../../src/schedule/plan.ts';
import {
  accumulateCount,
  accumulateKernel,
  compileAccumulate,
  makeAccumulatePlan,
} from '../device-cases/accumulate-plan.ts';
import { takeUncapturedErrors } from '../setup/uncaptured-errors.ts';
import { useDevice } from '../support/device.ts';

const getDevice = useDevice();

const totalBytes = accumulateCount * 4;

/** The plan with its second launch changed. */
function changeSecond(change: (launch: Launch) => Partial<Launch>): Plan {
  const plan = makeAccumulatePlan();
  const [first, second] = plan.launches as [Launch, Launch];
  return { ...plan, launches: [first, { ...second, ...change(second) }] };
}

/** The error of compiling a plan, with a shared buffer of the right size. */
async function compileError(plan: Plan, kernel: KernelDescription = accumulateKernel) {
  const device = getDevice();
  const total = device.createBuffer({ label: 'total', bytes: totalBytes });
  try {
    const executable = await device.compile(plan, new Map([['total', total]]), {
      kernels: { accumulate: kernel },
    });
    executable.dispose();
    throw new Error('it compiled');
  } catch (error) {
    return error as Error;
  } finally {
    device.destroyBuffer(total);
  }
}

describe('buffers', () => {
  it('refuses more than the adapter allows, with both numbers', () => {
    const device = getDevice();
    const bytes = device.limits.maxBufferSize + 4;
    const create = () => device.createBuffer({ label: 'trainer/moments', bytes });
    expect(create).toThrow(OutOfMemoryError);
    expect(create).toThrow(`buffer 'trainer/moments': needs`);
    expect(create).toThrow(`(${bytes} bytes), this adapter allows at most`);
    expect(create).toThrow(`(${device.limits.maxBufferSize} bytes) a buffer (maxBufferSize)`);
  });

  it('refuses content that does not fit and copies outside the buffer', async () => {
    const device = getDevice();
    const content = new Uint8Array(8);
    expect(() => device.createBuffer({ label: 'a', bytes: 4, content })).toThrow(
      '8 bytes of content',
    );
    const buffer = device.createBuffer({ label: 'a', bytes: 8 });
    expect(() => device.upload(buffer, 4, new Float32Array(2))).toThrow(
      'upload of 8 bytes at offset 4',
    );
    expect(() => device.upload(buffer, 2, new Uint8Array(4))).toThrow('multiple of 4');
    await expect(device.download(buffer, 4, 5)).rejects.toThrow(
      "read back buffer 'a': 5 bytes at offset 4",
    );
    device.destroyBuffer(buffer);
    device.destroyBuffer(buffer);
  });
});

describe('memory that runs out', () => {
  it('is named with the buffer by the next call that waits', async () => {
    const device = getDevice();
    const error = { message: 'vkAllocateMemory failed' } as GPUError;
    const scope = vi.spyOn(device.gpu, 'popErrorScope').mockResolvedValueOnce(error);
    const buffer = device.createBuffer({ label: 'trainer/data', bytes: 2048 });
    await device.gpu.popErrorScope();
    scope.mockRestore();
    const outcome = await device.check().catch((reason: unknown) => reason);
    expect(outcome).toBeInstanceOf(OutOfMemoryError);
    expect(String(outcome)).toContain(
      "buffer 'trainer/data': the device has no 2.00 KiB (2048 bytes) left beside",
    );
    device.destroyBuffer(buffer);
  });
});

describe('compile', () => {
  it('shows where a shader is wrong', async () => {
    const source = accumulateKernel.source.replace('settings.scale *', 'settings.scael *');
    const error = await compileError(makeAccumulatePlan(), { ...accumulateKernel, source });
    expect(error).toBeInstanceOf(ShaderError);
    const line = source.split('\n').findIndex((text) => text.includes('scael'));
    expect(error.message).toContain(
      "launch 'first/accumulate': kernel 'accumulate' does not compile",
    );
    expect(error.message).toMatch(/line \d+, column \d+: .*scael/);
    expect(error.message).toContain(source.split('\n')[line]);
  });

  it('names launch and kernel where a description does not fit its shader', async () => {
    const { total, ...others } = accumulateKernel.bindings;
    const bindings = {
      ...others,
      total: { ...total, access: 'read' },
    } as typeof accumulateKernel.bindings;
    const error = await compileError(makeAccumulatePlan(), { ...accumulateKernel, bindings });
    expect(error).toBeInstanceOf(ShaderError);
    expect(error.message).toContain(
      "launch 'first/accumulate': kernel 'accumulate' does not make a pipeline",
    );
  });

  it('names the launch that WebGPU refuses to encode', async () => {
    const source = accumulateKernel.source.replace('values: array<f32>', 'values: array<f32, 200>');
    const error = await compileError(makeAccumulatePlan(), { ...accumulateKernel, source });
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toMatch(/^launch 'first\/accumulate': /);
  });

  it.each<[string, Plan, new (message: string) => Error, string]>([
    [
      'an unknown kernel',
      changeSecond(() => ({ kernel: 'acumulate' })),
      DeviceError,
      "launch 'second/accumulate': there is no kernel 'acumulate'; the registry has",
    ],
    [
      'an unknown cell',
      changeSecond(() => ({ cell: 'lsmt' })),
      DeviceError,
      "launch 'second/accumulate': there is no cell 'lsmt'",
    ],
    [
      'a binding without buffer',
      changeSecond(({ bindings: { values: _, ...bindings } }) => ({ bindings })),
      DeviceError,
      "launch 'second/accumulate': binding 'values' of kernel 'accumulate' has no buffer",
    ],
    [
      'a binding that the kernel has not',
      changeSecond(({ bindings }) => ({
        bindings: { ...bindings, bias: { buffer: 0, offsetBytes: 0, bytes: 4 } },
      })),
      DeviceError,
      "binds 'bias', kernel 'accumulate' has settings, values, total",
    ],
    [
      'a buffer that is read and written in one dispatch',
      changeSecond(({ bindings }) => ({
        bindings: { ...bindings, values: { buffer: 4, offsetBytes: 0, bytes: totalBytes } },
      })),
      DeviceError,
      "buffer 'total' is bound for reading as 'values' and for writing as 'total'",
    ],
    [
      'an offset that is not aligned',
      changeSecond(({ bindings }) => ({
        bindings: { ...bindings, values: { buffer: 3, offsetBytes: 4, bytes: 8 } },
      })),
      DeviceError,
      "binding 'values': 8 bytes at offset 4 of 'inner', expected an offset that is a multiple of 256",
    ],
    [
      'a view beyond its buffer',
      changeSecond(({ bindings }) => ({
        bindings: { ...bindings, values: { buffer: 3, offsetBytes: 256, bytes: totalBytes } },
      })),
      DeviceError,
      `${totalBytes} bytes at offset 256 exceed buffer 'inner' of ${totalBytes} bytes`,
    ],
    [
      'too many workgroups',
      changeSecond(() => ({ workgroups: [1, 70000, 1] })),
      DeviceError,
      'workgroups are [1, 70000, 1], expected integers from 1 to 65535',
    ],
    [
      'a shared buffer that was not given',
      makeAccumulatePlan({
        buffers: makeAccumulatePlan().buffers.map((buffer) =>
          buffer.role === 'shared' ? { ...buffer, key: 'sum' } : buffer,
        ),
      }),
      OptionError,
      "plan 'accumulate-twice': needs a shared buffer 'sum', got total",
    ],
    [
      'a shared buffer that is too small',
      makeAccumulatePlan({
        buffers: makeAccumulatePlan().buffers.map((buffer) =>
          buffer.role === 'shared' ? { ...buffer, bytes: 4096 } : buffer,
        ),
      }),
      ShapeError,
      `shared buffer 'total' has ${totalBytes} bytes, the plan needs 4096`,
    ],
    [
      'an activation larger than the adapter can hold',
      makeAccumulatePlan({
        buffers: makeAccumulatePlan().buffers.map((buffer) =>
          buffer.label === 'inner' ? { ...buffer, bytes: 2 ** 40 } : buffer,
        ),
      }),
      OutOfMemoryError,
      "buffer 'accumulate-twice/inner': needs 1.00 TiB",
    ],
  ])('refuses %s', async (_, plan, kind, message) => {
    const error = await compileError(plan);
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain(message);
  });
});

describe('an executable', () => {
  it('refuses tensors it has not, other types and other sizes, and use after dispose', async () => {
    const device = getDevice();
    const { executable, dispose } = await compileAccumulate(device);
    const short = new Float32Array(3);
    expect(() => executable.write('input', short)).toThrow(
      "plan 'accumulate-twice' has no tensor 'input', it has values, inner, total.",
    );
    expect(() => executable.write('values', short)).toThrow(ShapeError);
    expect(() => executable.write('values', short)).toThrow(
      "tensor 'values' of plan 'accumulate-twice': got Float32Array of 3, expected f32 [131] = 131",
    );
    expect(() => executable.write('values', new Int32Array(accumulateCount))).toThrow(ShapeError);
    expect(() => executable.run({ repeats: 0 })).toThrow(OptionError);
    executable.dispose();
    executable.dispose();
    expect(() => executable.run()).toThrow("plan 'accumulate-twice': run after dispose()");
    await expect(executable.read('total')).rejects.toThrow('after dispose()');
    dispose();
  });
});

describe('errors that come later', () => {
  it('surface at the next call that waits, once', async () => {
    const device = getDevice();
    device.gpu.createBuffer({ label: 'wrong', size: 4, usage: 0x1 | 0x80 });
    await expect(device.check()).rejects.toThrow(DeviceError);
    await expect(device.check()).resolves.toBeUndefined();
    expect(await takeUncapturedErrors()).toHaveLength(1);
  });

  it('are seen by the setup of these tests, whoever opened the device', async () => {
    const device = getDevice();
    device.gpu.queue.writeBuffer(
      device.gpu.createBuffer({ size: 4, usage: 0x8 }),
      4,
      new Uint8Array(4),
    );
    const errors = await takeUncapturedErrors();
    expect(errors).toHaveLength(1);
    await expect(device.check()).rejects.toThrow(DeviceError);
  });
});

describe('a lost device', () => {
  it('is named by every later call', async () => {
    using device = await requestDevice();
    const { executable } = await compileAccumulate(device);
    device.gpu.destroy();
    await device.lost;
    const lost = /the device was lost \(destroyed: .*\)\. Request a new one with requestDevice\(\)/;
    expect(() => executable.run()).toThrow(DeviceLostError);
    expect(() => executable.run()).toThrow(lost);
    expect(() => device.createBuffer({ label: 'a', bytes: 4 })).toThrow(DeviceLostError);
    await expect(executable.read('total')).rejects.toThrow(DeviceLostError);
    await expect(executable.time()).rejects.toThrow(DeviceLostError);
    await expect(device.check()).rejects.toThrow(lost);
    await expect(device.compile(makeAccumulatePlan())).rejects.toThrow(DeviceLostError);
  });

  it('fails what waits for it', async () => {
    using device = await requestDevice();
    const buffer = device.createBuffer({ label: 'a', bytes: 4 });
    const reading = device.download(buffer, 0, 4).catch((error: unknown) => error);
    device.gpu.destroy();
    const outcome = await reading;
    // The copy may have been done before the device went away.
    if (!(outcome instanceof Uint8Array)) expect(outcome).toBeInstanceOf(DeviceLostError);
    await expect(device.check()).rejects.toThrow(DeviceLostError);
  });

  it('is what disposing leaves', async () => {
    const device = await requestDevice();
    device.createBuffer({ label: 'a', bytes: 10 });
    expect([device.liveBuffers, device.liveBytes]).toEqual([1, 12]);
    device.dispose();
    device.dispose();
    expect([device.liveBuffers, device.liveBytes]).toEqual([0, 0]);
    expect(() => device.createBuffer({ label: 'b', bytes: 4 })).toThrow('dispose() was called');
    expect((await device.lost).reason).toBe('destroyed');
  });
});
