import { mkdir, mkdtemp, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CacheEntry, fillCacheFolder } from '../../src/device/cache-folder.ts';
import { DeviceError } from '../../src/errors.ts';
import { runScript } from '../support/run-script.ts';

let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'gatefold-cache-'));
  vi.stubEnv('GATEFOLD_CACHE', cache);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true, force: true });
});

function makeEntry(changes: Partial<CacheEntry> = {}) {
  const fill = vi.fn(async (target: string) => {
    await mkdir(join(target, 'lib'));
    await writeFile(join(target, 'lib', 'driver.so'), 'driver');
  });
  return { name: 'driver-1', files: ['lib/driver.so'], fill, ...changes };
}

describe('a cache folder', () => {
  it('is filled once', async () => {
    const entry = makeEntry();
    expect(await fillCacheFolder(entry)).toBe(join(cache, 'driver-1'));
    expect(await fillCacheFolder(entry)).toBe(join(cache, 'driver-1'));
    expect(entry.fill).toHaveBeenCalledTimes(1);
    expect(await readdir(cache)).toEqual(['driver-1']);
  });

  it('is filled once when asked for several times at once', async () => {
    const entry = makeEntry();
    await Promise.all([1, 2, 3].map(() => fillCacheFolder(entry)));
    expect(entry.fill).toHaveBeenCalledTimes(1);
  });

  it('is filled again where a file was cut short', async () => {
    const entry = makeEntry();
    const folder = await fillCacheFolder(entry);
    await truncate(join(folder, 'lib', 'driver.so'), 2);
    await fillCacheFolder(entry);
    expect((await stat(join(folder, 'lib', 'driver.so'))).size).toBe(6);
    expect(entry.fill).toHaveBeenCalledTimes(2);
  });

  it('removes what an interrupted process left, also its lock', async () => {
    await mkdir(join(cache, '.driver-1.left'));
    await writeFile(join(cache, '.driver-1.left', 'half'), '');
    await mkdir(join(cache, 'driver-1'));
    await mkdir(join(cache, 'driver-1.lock'));
    const past = new Date(Date.now() - 60_000);
    await utimes(join(cache, 'driver-1.lock'), past, past);
    await fillCacheFolder(makeEntry());
    expect(await readdir(cache)).toEqual(['driver-1']);
  });

  it('is not there where filling it failed', async () => {
    const broken = makeEntry({ fill: () => Promise.reject(new Error('disk full')) });
    await expect(fillCacheFolder(broken)).rejects.toThrow(DeviceError);
    await expect(fillCacheFolder(broken)).rejects.toThrow(/disk full.*GATEFOLD_CACHE/s);
    await expect(fillCacheFolder(makeEntry({ files: ['other.so'] }))).rejects.toThrow(
      'other.so is not in the archive',
    );
    await fillCacheFolder(makeEntry());
    expect(await readdir(cache)).toEqual(['driver-1']);
  });

  it('names the variable where it cannot be written', async () => {
    const file = join(cache, 'file');
    await writeFile(file, '');
    vi.stubEnv('GATEFOLD_CACHE', join(file, 'inside'));
    await expect(fillCacheFolder(makeEntry())).rejects.toThrow('variable GATEFOLD_CACHE');
  });
});

describe('the software adapter', () => {
  it('is extracted by two processes at once and works in both', async () => {
    const script = `
      const { requestDevice } = await import('./src/device/request.ts');
      const device = await requestDevice({ adapter: 'software' });
      const buffer = device.createBuffer({ label: 'a', bytes: 4 });
      device.upload(buffer, 0, Uint32Array.of(42));
      console.log(device.info.software, (await device.download(buffer, 0, 4))[0]);
      device.dispose();`;
    const results = await Promise.all(
      [1, 2].map(() => runScript(script, { GATEFOLD_CACHE: cache })),
    );
    for (const { code, stdout, stderr } of results) {
      expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: 'true 42\n' });
    }
    expect(await readdir(cache)).toEqual([expect.stringMatching(/^swiftshader-\d+\.\d+\.\d+$/)]);
  });
});
