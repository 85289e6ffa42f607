import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readText, unigramEntropy } from '../../../src/cli/text-source.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-text-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe('a file', () => {
  it('is read as text, without a byte order mark and with single line ends', async () => {
    const path = await write('dos.txt', '\ufeffeins\r\nzwei\r\n');
    const source = await readText(path);
    expect(source.text).toBe('eins\nzwei\n');
    expect(source).toMatchObject({ name: 'dos.txt', path, opening: 'eins\nzwei' });
    expect(source.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('must be UTF-8', async () => {
    const path = await write('latin.txt', Uint8Array.of(0x66, 0xfc, 0x72));
    await expect(readText(path)).rejects.toThrow(`${path}: the file is not UTF-8 text`);
  });

  it('must not be empty', async () => {
    const path = await write('empty.txt', '');
    await expect(readText(path)).rejects.toThrow(`${path}: the file is empty, expected text.`);
  });
});

it('is the novel where there is no file', async () => {
  const { text, path, opening } = await readText(undefined);
  expect(path).toBeNull();
  expect(text).toContain(opening);
  expect(text).toContain('CHAPTER 1. Loomings.\n\nCall me Ishmael.');
  expect(text.length).toBeGreaterThan(1_200_000);
  expect(unigramEntropy(text)).toBeCloseTo(3.06, 2);
});

it('measures the entropy of single characters in nats', () => {
  expect(unigramEntropy('aaaa')).toBeCloseTo(0, 12);
  expect(unigramEntropy('abab')).toBeCloseTo(Math.log(2), 12);
  expect(unigramEntropy('😀a')).toBeCloseTo(Math.log(2), 12);
});
