import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/training/checkpoint.ts';
import { runCli, startCli } from '../unit/cli/run-cli.ts';

const sentence = 'the quick brown fox jumps over the lazy dog; ';
const text = Array.from({ length: 200 }, (_, i) => sentence.slice(i % 7)).join('');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-train-'));
  await writeFile(join(folder, 'fox.txt'), text);
});
afterEach(() => rm(folder, { recursive: true }));

const tiny = ['--text', 'fox.txt', '--hidden', '8', '--batch', '4', '--sequence', '8'];
const train = (...args: string[]) => runCli(['train', ...args], { cwd: folder });
const read = (name: string) => readFile(join(folder, name));

describe('train', () => {
  it('tells adapter, size, speed, losses and samples, and saves a checkpoint', async () => {
    const { code, stdout, stderr } = await train(...tiny, '--steps', '20', '--prompt', 'the q');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    for (const pattern of [
      /^adapter {5}.+\((software|hardware)\) on Dawn\/Node$/m,
      /^text {8}fox\.txt: [\d,]+ characters, 29 distinct, unigram entropy \d\.\d{3} nats$/m,
      /^model {7}one-hot → lstm 8 → linear, 1,509 parameters$/m,
      /^sample before training\n {2}│ the q/m,
      /^step 20 · loss \d\.\d{3} · [\d,]+ tok\/s$/m,
      /^sample after training\n {2}│ the q/m,
      /^train loss {2}\d\.\d{3} nats/m,
      /^held-out {4}\d\.\d{3} nats/m,
      /^checkpoint {2}checkpoints\/lstm\.safetensors$/m,
    ]) {
      expect(stdout).toMatch(pattern);
    }
    const { step, run, vocabulary } = readCheckpoint(await read('checkpoints/lstm.safetensors'));
    expect(step).toBe(20);
    expect(run).toMatchObject({ settings: { hidden: 8 }, text: { name: 'fox.txt' } });
    expect(vocabulary?.size).toBe(29);
  });

  it('goes on from a checkpoint exactly: 3 + 3 steps are 6 steps, bit for bit', async () => {
    const options = [...tiny, '--layers', '2', '--dropout', '0.2', '--schedule-steps', '6'];
    await train(...options, '--steps', '6', '--checkpoint', 'whole');
    await train(...options, '--steps', '3', '--checkpoint', 'parts');
    expect(Buffer.compare(await read('whole'), await read('parts'))).not.toBe(0);
    const { code, stdout } = await train('--resume', 'parts', '--steps', '6');
    expect(stdout).toContain('resumed after step 3');
    expect(code).toBe(0);
    expect(Buffer.compare(await read('whole'), await read('parts'))).toBe(0);
  });

  it('refuses to resume with other settings, too few steps or another text', async () => {
    await train(...tiny, '--steps', '2', '--checkpoint', 'model');
    await writeFile(join(folder, 'other.txt'), text.toUpperCase());
    for (const [args, message] of [
      [['--hidden', '9'], 'got another hidden as well'],
      [['--steps', '2'], '--steps is 2, model has done 2 already'],
      [['--text', 'other.txt'], 'other.txt is not the text that model was trained on (fox.txt)'],
    ] as const) {
      const { code, stderr } = await train('--resume', 'model', ...args);
      expect(stderr).toContain(message);
      expect(code).toBe(2);
    }
  });

  it('stops at the time limit with everything saved', async () => {
    const args = ['--steps', '10000000', '--time-limit', '0.03'];
    const { code, stdout } = await train(...tiny, ...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/stopped by 0\.03 minutes after step \d+;/);
    expect(readCheckpoint(await read('checkpoints/lstm.safetensors')).step).toBeGreaterThan(0);
  });

  it('says what is wrong with the text in one line', async () => {
    const { code, stderr } = await train(...tiny, '--prompt', 'THE');
    expect(stderr).toMatch(/^gatefold: 'T' \(U\+0054\) .+ is not in the vocabulary of 29 .+\n$/);
    expect(code).toBe(2);
  });

  it('samples what it has trained, and the same again', async () => {
    await train(...tiny, '--steps', '3', '--checkpoint', 'model');
    const args = ['sample', 'model', '--prompt', 'fox', '--length', '40', '--seed', '3'];
    const first = await runCli(args, { cwd: folder });
    const second = await runCli(args, { cwd: folder });
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^fox/);
    expect(first.stdout.trimEnd().length).toBeGreaterThan(30);
    expect(second.stdout).toBe(first.stdout);
    expect(first.stderr).toMatch(/^adapter: .+\n$/);
  });
});

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, exitCode) => {
  it('saves the checkpoint and ends', async () => {
    const args = ['train', ...tiny, '--steps', '10000000', '--checkpoint', 'model'];
    const { child, ended, waitFor } = startCli(args, { cwd: folder });
    await waitFor(/^step \d+ · loss/m);
    child.kill(signal);
    const { code, stdout, stderr } = await ended;
    expect(stderr).toBe('');
    expect(code).toBe(exitCode);
    expect(stdout).toMatch(new RegExp(`^${signal}: finishing the steps under way`, 'm'));
    const step = Number(/after step (\d+); checkpoint in model/.exec(stdout)?.[1]);
    expect(readCheckpoint(await read('model')).step).toBe(step);
    const resumed = await train('--resume', 'model', '--steps', String(step + 1));
    expect(resumed.stdout).toContain(`resumed after step ${step}`);
  });
});

it('leaves the old checkpoint or the new one after kill -9 during a save', async () => {
  await train(...tiny, '--hidden', '256', '--steps', '1', '--checkpoint', 'model');
  let lastStep = 1;
  for (let round = 0; round < 4; round += 1) {
    const args = ['train', '--resume', 'model', '--steps', '100000', '--save-every', '1'];
    const { child, ended, waitFor } = startCli(args, { cwd: folder });
    await waitFor(/sample after step/);
    // Saves follow each other without a pause: wait until one is on its way.
    while (!(await readdir(folder)).some((name) => /^model\.\d+/.test(name))) await sleep(1);
    child.kill('SIGKILL');
    expect((await ended).code).toBe('SIGKILL');
    const checkpoint = readCheckpoint(await read('model'));
    expect(checkpoint.readState().parameters.get('linear.weight')).toHaveLength(29 * 256);
    expect(checkpoint.step).toBeGreaterThanOrEqual(lastStep);
    lastStep = checkpoint.step;
    for (const name of await readdir(folder)) {
      if (/^model\.\d+/.test(name)) await rm(join(folder, name));
    }
  }
});
