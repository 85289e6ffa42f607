import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { requestDevice } from '../../src/device/request.ts';
import { DeviceError, OptionError } from '../../src/errors.ts';
import { bundleModule } from '../support/bundle.ts';
import { runScript } from '../support/run-script.ts';

const hidePackage = fileURLToPath(new URL('../support/hide-package.mjs', import.meta.url));

const request = `
  const { requestDevice } = await import('./src/device/request.ts');
  await requestDevice({ adapter: 'software' }).then(
    (device) => console.log('GOT', device.describe()),
    (error) => console.log(error.name, error.message),
  );`;

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('requestDevice', () => {
  it('says what it is in one line', async () => {
    using device = await requestDevice({ adapter: 'software' });
    expect(device.info).toMatchObject({ software: true, runtime: 'node' });
    expect(device.describe()).toMatch(/^SwiftShader.* \(software\) on Dawn\/Node$/);
  });

  it('raises limits to what the adapter offers and switches features on', async () => {
    using device = await requestDevice({ adapter: 'software' });
    expect(device.limits.maxStorageBufferBindingSize).toBeGreaterThan(128 * 1024 * 1024);
    expect(device.limits.maxComputeWorkgroupStorageSize).toBeGreaterThan(16384);
    expect(device.features).toContain('timestamp-query');
    expect(device.features).toContain('subgroups');
  });

  it('gives hardware where there is some, and says what to do where there is none', async () => {
    const outcome = await requestDevice({ adapter: 'hardware' }).catch((error: unknown) => error);
    if (outcome instanceof DeviceError) {
      expect(outcome.message).toMatch(
        /asked for a hardware adapter, found .* Install the GPU's driver/,
      );
    } else {
      using device = outcome as Awaited<ReturnType<typeof requestDevice>>;
      expect(device.info.software).toBe(false);
    }
  });

  it('takes its default from GATEFOLD_ADAPTER and refuses a word it does not know', async () => {
    vi.stubEnv('GATEFOLD_ADAPTER', 'software');
    using device = await requestDevice();
    expect(device.info.software).toBe(true);
    vi.stubEnv('GATEFOLD_ADAPTER', 'swift');
    await expect(requestDevice()).rejects.toThrow(OptionError);
    await expect(requestDevice()).rejects.toThrow(
      "adapter is 'swift' (option adapter or variable GATEFOLD_ADAPTER), expected one of auto, hardware, software.",
    );
  });

  it('leaves the environment as it was', async () => {
    const before = { ...process.env };
    using device = await requestDevice({ adapter: 'software' });
    expect(device.info.software).toBe(true);
    expect({ ...process.env }).toEqual(before);
  });

  it('opens several devices at once', async () => {
    const devices = await Promise.all([1, 2, 3].map(() => requestDevice()));
    expect(new Set(devices.map(({ gpu }) => gpu)).size).toBe(3);
    for (const device of devices) device.dispose();
  });

  it('works on a device of the caller and leaves it alive', async () => {
    using owner = await requestDevice();
    const guest = await requestDevice({ device: owner.gpu });
    const buffer = guest.createBuffer({ label: 'guest', bytes: 4 });
    guest.upload(buffer, 0, Uint32Array.of(7));
    expect(await guest.download(buffer, 0, 1)).toEqual(Uint8Array.of(7));
    expect(guest.info.software).toBe(owner.info.software);
    guest.dispose();
    await expect(owner.check()).resolves.toBeUndefined();
  });
});

describe('requestDevice in a process of its own', () => {
  it('ends by itself though nobody disposed the device', async () => {
    const { code, stdout } = await runScript(request);
    expect(stdout).toMatch(/^GOT SwiftShader/);
    expect(code).toBe(0);
  });

  it.each([
    ['webgpu', 'npm install webgpu'],
    ['@sparticuz/chromium', 'npm install @sparticuz/chromium'],
  ])('names the install line where %s is missing', async (name, line) => {
    const { stdout } = await runScript(request, { HIDDEN_PACKAGES: name }, [
      '--import',
      hidePackage,
    ]);
    expect(stdout).toMatch(/^DeviceError /);
    expect(stdout).toContain(line);
  });
});

describe('importing the device room', () => {
  it('pulls in nothing of Node and touches no global', async () => {
    const entry = fileURLToPath(new URL('../../src/device/request.ts', import.meta.url));
    const bundle = await bundleModule(entry);
    const file = join(bundle.folder, bundle.entry);
    expect(await readFile(file, 'utf8')).not.toMatch(/from ?["'](node:|webgpu|tar-fs)/);
    const names = ['navigator', 'Deno', 'window', 'document', 'GPUBufferUsage', 'GPUMapMode'];
    const poisoned = names.filter((name) => !(name in globalThis));
    const { code, stdout, stderr } = await runScript(`
      const touched = [];
      for (const name of ${JSON.stringify(poisoned)}) {
        Object.defineProperty(globalThis, name, { configurable: true, get: () => touched.push(name) });
      }
      await import(${JSON.stringify(pathToFileURL(file).href)});
      console.log(JSON.stringify(touched));`);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
    await bundle.dispose();
  });
});
