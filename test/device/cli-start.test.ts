import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../unit/cli/run-cli.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-start-'));
});
afterAll(() => rm(folder, { recursive: true }));

it("start learns 'hello', then trains on the novel with the flags given", async () => {
  const flags = ['--cell', 'gru', '--hidden', '16', '--batch', '4', '--steps', '3'];
  const { code, stdout, stderr } = await runCli(['start', ...flags, '--held-out', '0.001'], {
    cwd: folder,
  });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toContain("over the vocabulary [h, e, l, o] reads 'hell' and learns 'ello'");
  for (const [input, predicted] of ['he', 'el', 'll', 'lo']) {
    const row = `^${input} {2}→ {2}${predicted} {2}p = [01]\\.\\d{3} {2}✓$`;
    expect(stdout).toMatch(new RegExp(row, 'm'));
  }
  expect(stdout.indexOf('hello:')).toBeLessThan(stdout.indexOf('Moby-Dick'));
  expect(stdout).toMatch(/^model {7}one-hot → gru 16 → linear, [\d,]+ parameters$/m);
  expect(stdout).toMatch(/^held-out {4}\d\.\d{3} nats .*\(unigram entropy 3\.06\d\)$/m);
  expect(stdout).toContain('checkpoint  checkpoints/gru.safetensors');
});

it('info tells of adapter, features, limits and the self-test as JSON', async () => {
  const { code, stdout } = await runCli(['info', '--json', '--device', 'software']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    adapter: expect.stringContaining('(software)'),
    info: { software: true, runtime: 'node' },
    features: expect.arrayContaining(['timestamp-query']),
    limits: { maxBufferSize: expect.any(Number) },
    selfTest: { passed: true, ms: expect.any(Number) },
  });
});

it('ends with exit code 2 and one line where there is no such adapter', async () => {
  const environment = { GATEFOLD_ADAPTER: 'gpu' };
  const { code, stdout, stderr } = await runCli(['info'], { environment });
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^gatefold: requestDevice: adapter is 'gpu' .+\n$/);
  expect(code).toBe(2);
});
