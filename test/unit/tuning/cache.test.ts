import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FileFormatError, OptionError } from '../../../src/errors.ts';
import { readCache, writeCache } from '../../../src/tuning/cache.ts';
import type { Tuning } from '../../../src/tuning/tuning.ts';

let folder: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'gatefold-tuning-')), 'cache');
  vi.stubEnv('GATEFOLD_CACHE', folder);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(join(folder, '..'), { recursive: true });
});

const adapter = {
  vendor: 'acme',
  architecture: 'gen/1',
  description: 'Acme One (tm)',
  software: false,
  runtime: 'node',
} as const;
const entry = { shape: { width: 8 }, ms: 1, ruleMs: 2, candidates: 3 };
const tuning: Tuning = { version: 6, adapter, shapes: { a: entry } };
const file = 'tuning-node-acme-gen-1-acme-one-tm-.json';

it('keeps what is measured, one whole file per adapter and runtime', async () => {
  expect(await readCache(adapter)).toBeUndefined();
  expect(await writeCache(tuning)).toBe(join(folder, file));
  expect(await readCache(adapter)).toEqual(tuning);
  await writeCache({ ...tuning, adapter: { ...adapter, runtime: 'deno' } });
  expect(await readdir(folder)).toEqual([file.replace('node', 'deno'), file]);
});

it('adds to what another process has kept meanwhile', async () => {
  await writeCache(tuning);
  await writeCache({ ...tuning, shapes: { b: entry } });
  expect((await readCache(adapter))?.shapes).toEqual({ a: entry, b: entry });
});

it('says that a file is broken, and replaces it', async () => {
  const path = await writeCache(tuning);
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, 50));
  const read = readCache(adapter);
  await expect(read).rejects.toThrow(FileFormatError);
  await expect(read).rejects.toThrow(`${path}: no JSON (`);
  await writeCache({ ...tuning, shapes: { b: entry } });
  expect((await readCache(adapter))?.shapes).toEqual({ b: entry });
});

it('says so where a browser keeps nothing', async () => {
  const hidden = readCache({ ...adapter, runtime: 'browser' });
  await expect(hidden).rejects.toThrow(OptionError);
  await expect(hidden).rejects.toThrow('this browser has no IndexedDB here. Pass cache: false');
});
