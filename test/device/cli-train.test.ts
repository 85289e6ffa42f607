import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/training/checkpoint.ts';
import { useDevice } from '../support/device.ts';
import { runCli, startCli } from '../unit/cli/run-cli.ts';
import { foxText, tinyFlags, trainInProcess } from '../unit/cli/train-in-process.ts';

const device = useDevice();

let folder = '';
let tiny: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-train-'));
  const path = join(folder, 'fox.txt');
  await writeFile(path, foxText);
  tiny = ['--text', path, ...tinyFlags];
});
afterEach(() => rm(folder, { recursive: true }));

it('goes on from a checkpoint exactly: 3 + 3 steps are 6 steps, bit for bit', async () => {
  const open = {
    device: device(),
    description: device().describe(),
    [Symbol.dispose]: () => undefined,
  };
  const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
  const options = [...tiny, '--dropout', '0.2', '--held-out', '0', '--schedule-steps', '6'];
  await trainInProcess(open, [...options, '--steps', '6', '--checkpoint', whole]);
  await trainInProcess(open, [...options, '--steps', '3', '--checkpoint', parts]);
  expect(Buffer.compare(await readFile(whole), await readFile(parts))).not.toBe(0);
  const { stdout } = await trainInProcess(open, ['--resume', parts, '--steps', '6']);
  expect(stdout).toContain('resumed after step 3');
  expect(stdout).not.toContain('note:');
  expect(Buffer.compare(await readFile(whole), await readFile(parts))).toBe(0);
});

it('saves the checkpoint at Ctrl-C and ends; sample and train go on from it', async () => {
  const args = ['train', ...tiny, '--steps', '10000000', '--checkpoint', 'model'];
  const { child, ended, waitFor } = startCli(args, { cwd: folder });
  await waitFor(/^step \d+ · loss/m);
  child.kill('SIGINT');
  const { code, stdout, stderr } = await ended;
  expect(stderr).toBe('');
  expect(code).toBe(130);
  expect(stdout).toMatch(/^SIGINT: finishing the steps under way and saving; once more/m);
  const step = Number(/after step (\d+); checkpoint in model/.exec(stdout)?.[1]);
  expect(readCheckpoint(await readFile(join(folder, 'model'))).step).toBe(step);

  const sampled = await runCli(['sample', 'model', '--prompt', 'fox', '--length', '40'], {
    cwd: folder,
  });
  expect(sampled.stdout).toMatch(/^fox[a-z ;]{40}\n$/);
  expect(sampled.stderr).toMatch(/^adapter: .+ on Dawn\/Node\n$/);
  expect(sampled.code).toBe(0);
});
