import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseTuning } from '../../src/index.ts';
import { useDevice } from '../support/device.ts';
import { runCli } from '../unit/cli/run-cli.ts';
import { foxText, tinyFlags, trainInProcess } from '../unit/cli/train-in-process.ts';

const device = useDevice();

let folder = '';
let tiny: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-tune-'));
  const path = join(folder, 'fox.txt');
  await writeFile(path, foxText);
  tiny = ['--text', path, ...tinyFlags];
});
afterEach(() => rm(folder, { recursive: true }));

it('tune measures and keeps, train --tuning uses what is kept or a file', async () => {
  const environment = { GATEFOLD_CACHE: join(folder, 'cache') };
  const run = (...args: string[]) => runCli(args, { cwd: folder, environment });
  const train = ['train', ...tiny, '--steps', '3', '--checkpoint', 'model', '--explain'];

  const early = await run(...train, '--tuning');
  expect(early.code).toBe(2);
  expect(early.stderr).toMatch(
    /^gatefold: --tuning: nothing has been measured on .+ so far\. Run gatefold tune with the same flags first\.\n$/,
  );

  const tuned = await run('tune', ...tiny, '--budget', '1', '--output', 'tuning.json');
  expect(tuned.stderr).toBe('');
  expect(tuned.code).toBe(0);
  expect(tuned.stdout).toMatch(/^ +\d\.\d s {2}1\/\d+ \S+ .+: .*\d ms \(\d+ shapes?/m);
  const [, count] = /^tuned {7}(\d+) kernel shapes are known, written to tuning\.json$/m.exec(
    tuned.stdout,
  ) ?? ['', ''];
  const { shapes } = parseTuning(await readFile(join(folder, 'tuning.json'), 'utf8'));
  expect(Object.keys(shapes)).toHaveLength(Number(count));

  const kept = await run(...train, '--tuning');
  expect(kept.code).toBe(0);
  expect(kept.stdout).toContain(`tuning      ${count} kernel shapes, kept for this adapter\n`);
  expect(kept.stdout).toMatch(/; measured: .*\d ms/);
  const sampled = await run('sample', 'model', '--length', '5', '--tuning', 'tuning.json');
  expect(sampled.stderr).toContain(`tuning: ${count} kernel shapes, tuning.json\n`);
  expect(sampled.code).toBe(0);
});

it('train --tuning says that a file is of another adapter', async () => {
  const open = {
    device: device(),
    description: device().describe(),
    [Symbol.dispose]: () => undefined,
  };
  const adapter = { ...device().info, vendor: 'acme', description: 'Acme One' };
  const path = join(folder, 'tuning.json');
  await writeFile(path, JSON.stringify({ version: 6, adapter, shapes: {} }));
  const flags = ['--steps', '1', '--checkpoint', join(folder, 'model'), '--tuning', path];
  const { stdout } = await trainInProcess(open, [...tiny, ...flags]);
  expect(stdout).toContain(
    `tuning      0 kernel shapes, ${path}; measured on Acme One, so the rules choose here\n`,
  );
  await writeFile(path, '{"version": 7}');
  await expect(trainInProcess(open, [...tiny, ...flags])).rejects.toThrow(
    `${path}: version is 7, this Gatefold reads 6. Measure again with tune().`,
  );
});
