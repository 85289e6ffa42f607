import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readCheckpoint } from '../../../src/training/checkpoint.ts';
import { startCli } from './run-cli.ts';
import { foxText, onReference, tinyFlags, trainInProcess } from './train-in-process.ts';

let folder = '';
let tiny: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-train-'));
  const path = join(folder, 'fox.txt');
  await writeFile(path, foxText);
  tiny = ['--text', path, ...tinyFlags];
});
afterEach(() => rm(folder, { recursive: true }));

const inFolder = (name: string) => join(folder, name);
const read = (name: string) => readFile(inFolder(name));
const train = (...args: string[]) => trainInProcess(onReference, args);

it('tells adapter, size, speed, losses and samples, and saves a checkpoint', async () => {
  const flags = ['--steps', '20', '--prompt', 'the q', '--checkpoint', inFolder('new/model')];
  const { code, stdout } = await train(...tiny, ...flags);
  expect(code).toBe(0);
  for (const pattern of [
    /^adapter {5}float64 reference$/m,
    /^text {8}fox\.txt: [\d,]+ characters, 28 distinct, unigram entropy \d\.\d{3} nats$/m,
    /^model {7}one-hot → lstm 8 → linear, 1,468 parameters$/m,
    /^training {4}batch 4 × 8 time steps, adam 0\.01, cosine schedule, seed 1$/m,
    /^sample before training\n {2}│ the q/m,
    /^step 20 · loss \d\.\d{3} · [\d,]+ tok\/s$/m,
    /^sample after training\n {2}│ the q/m,
    /^train loss {2}\d\.\d{3} nats/m,
    /^held-out {4}\d\.\d{3} nats/m,
    /^checkpoint {2}.*new\/model$/m,
  ]) {
    expect(stdout).toMatch(pattern);
  }
  const { step, run, vocabulary } = readCheckpoint(await read('new/model'));
  expect(step).toBe(20);
  expect(run).toMatchObject({ settings: { hidden: 8 }, text: { name: 'fox.txt' } });
  expect(vocabulary?.size).toBe(28);
});

it('samples and saves in between without changing what is learned', async () => {
  const plain = await train(...tiny, '--steps', '7', '--checkpoint', inFolder('plain'));
  const flags = ['--sample-every', '3', '--save-every', '2', '--steps', '7'];
  const { stdout } = await train(...tiny, ...flags, '--checkpoint', inFolder('often'));
  expect(stdout.match(/^sample .*/gm)).toEqual([
    'sample before training',
    'sample after step 3',
    'sample after step 6',
    'sample after training',
  ]);
  expect(plain.stdout.match(/^sample .*/gm)).toHaveLength(2);
  expect(Buffer.compare(await read('plain'), await read('often'))).toBe(0);
});

it.each([
  [['--hidden', '9'], 'got another hidden as well'],
  [['--steps', '2'], '--steps is 2, '],
  [['--text', 'other.txt'], 'other.txt is not the text that '],
])('refuses to resume with %j', async (args, message) => {
  await train(...tiny, '--steps', '2', '--checkpoint', inFolder('model'));
  await writeFile(inFolder('other.txt'), foxText.toUpperCase());
  const paths = args.map((arg) => (arg.endsWith('.txt') ? inFolder(arg) : arg));
  await expect(train('--resume', inFolder('model'), ...paths)).rejects.toThrow(message);
});

it('stops at the time limit with everything saved', async () => {
  const flags = ['--steps', '10000000', '--time-limit', '0.01', '--checkpoint', inFolder('model')];
  const { code, stdout } = await train(...tiny, ...flags);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^stopped by 0\.01 minutes after step \d+; checkpoint in /m);
  expect(stdout).toMatch(/^held-out/m);
  const step = Number(/after step (\d+);/.exec(stdout)?.[1]);
  expect(readCheckpoint(await read('model')).step).toBe(step);
});

it('refuses a prompt that the text has no characters for', async () => {
  await expect(train(...tiny, '--prompt', 'THE')).rejects.toThrow(
    "'T' (U+0054) at character 0 is not in the vocabulary of 28 characters.",
  );
});

it('saves and ends with 143 at SIGTERM, also on the reference, which never waits', async () => {
  const flags = ['--steps', '10000000', '--device', 'reference', '--checkpoint', 'model'];
  const { child, ended, waitFor } = startCli(['train', ...tiny, ...flags], { cwd: folder });
  await waitFor(/^step \d+ · loss/m);
  child.kill('SIGTERM');
  const { code, stdout } = await ended;
  expect(code).toBe(143);
  expect(stdout).toMatch(/^go on: gatefold train --resume model --steps 10000000$/m);
  const step = Number(/stopped by SIGTERM after step (\d+);/.exec(stdout)?.[1]);
  expect(readCheckpoint(await read('model')).step).toBe(step);
});

it('leaves the old checkpoint or the new one after kill -9 during a save', async () => {
  const hidden = 192;
  const wide = [...tiny, '--hidden', String(hidden), '--checkpoint', inFolder('model')];
  await train(...wide, '--steps', '1');
  let lastStep = 1;
  for (let round = 0; round < 3; round += 1) {
    const flags = ['--steps', '100000', '--save-every', '1', '--device', 'reference'];
    const args = ['train', '--resume', inFolder('model'), ...flags];
    const { child, ended } = startCli(args, { cwd: folder });
    // Saves follow each other closely: wait for the first trace of one.
    const isTemporary = (name: string) => /^model\.\d+/.test(name);
    while (!(await readdir(folder)).some(isTemporary)) {
      expect(child.exitCode).toBeNull();
      await sleep(1);
    }
    child.kill('SIGKILL');
    expect((await ended).code).toBe('SIGKILL');
    const checkpoint = readCheckpoint(await read('model'));
    const weights = checkpoint.readState().parameters.get('linear.weight');
    expect(weights).toHaveLength(28 * hidden);
    expect(checkpoint.step).toBeGreaterThanOrEqual(lastStep);
    lastStep = checkpoint.step;
    const left = (await readdir(folder)).filter(isTemporary);
    await Promise.all(left.map((name) => rm(inFolder(name))));
  }
}, 60_000);
