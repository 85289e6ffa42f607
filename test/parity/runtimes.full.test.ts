import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { logAdapter } from '../support/adapter-log.ts';
import { runCli } from '../unit/cli/run-cli.ts';
import { fixtures } from './run-fixtures.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-runtimes-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** One case of each cell, a training trace, and one that is not supported anywhere yet. */
const filter = '^(lstm|gru-before|rnn-relu)-h6-t8-b3-i3-l1-bi|^train-hello-sgd$';

it.each([
  ['chromium', /\(software\) in the browser, .*Chrom/],
  ['deno', /\(software\) on wgpu\/Deno/],
])('parity runs in %s', async (device, adapter) => {
  const [results, json] = [join(folder, device), join(folder, `${device}.json`)];
  const args = ['parity', fixtures, '--device', device, '--filter', filter];
  const { code, stdout, stderr } = await runCli([...args, '--write', results, '--json', json], {
    environment: { GATEFOLD_ADAPTER: 'software' },
  });
  expect(stderr).toBe('');
  const lines = stdout.trimEnd().split('\n');
  const closing = /^4 cases: 4 passed, 0 failed, 0 unsupported on (.+)$/.exec(lines.pop() ?? '');
  expect(closing?.[1]).toMatch(adapter);
  logAdapter(closing?.[1] ?? '');
  expect(lines.every((line) => line.startsWith('PASS '))).toBe(true);
  expect(code).toBe(0);
  expect(await readdir(results)).toHaveLength(4);
  expect(JSON.parse(await readFile(json, 'utf8'))).toHaveLength(4);
});
