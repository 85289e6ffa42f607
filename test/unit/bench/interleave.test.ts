import { describe, expect, it } from 'vitest';
import { runInTurn } from '../../../bench/interleave.ts';
import { findWorkload } from '../../../bench/workloads.ts';
import { lossOf, makeContender, reference, workload } from './fake-peers.ts';

const effort = { repetitions: 2, budgetMs: 10_000, limitMs: 1000, restMs: 0 };
const ignore = (): void => undefined;

describe('runInTurn', () => {
  it('gives each its first step, then turns A B A B, and closes all', async () => {
    const log: string[] = [];
    const contenders = [makeContender('gatefold', log), makeContender('jax-webgpu', log)];
    const results = await runInTurn(workload, contenders, reference, effort, ignore);
    const turns = log.filter((line) => / \d+$/.test(line));
    expect(turns).toEqual([1, 2, 3].flatMap((step) => [`gatefold ${step}`, `jax-webgpu ${step}`]));
    expect(log.slice(turns.length).sort()).toEqual(
      ['gatefold', 'jax-webgpu'].flatMap((name) => [`${name} closed`, `${name} disposed`]),
    );
    expect(results.map(({ peer }) => peer)).toEqual(['gatefold', 'jax-webgpu']);
    expect(results[0]).toMatchObject({
      workload: 'char-s',
      repetitions: 2,
      dispatches: 5,
      submits: 1,
      buffersCreated: 1,
      bytesUploaded: 64,
      apiMs: 0.25,
      pipelines: 0,
      peakBytes: 1000,
      check: 'ok',
      firstLoss: lossOf(1),
      lastLoss: lossOf(3),
      lastStep: 3,
    });
    expect(results[0]?.compared).toMatch(/^3 of 3 losses against float64: 0\.?0* % of the tol/);
  });

  it('leaves the machine idle in front of each turn, where there are others', async () => {
    const restMs = 100;
    const timeOf = async (...names: readonly ('gatefold' | 'jax-webgpu')[]): Promise<number> => {
      const contenders = names.map((name) => makeContender(name, []));
      const start = performance.now();
      await runInTurn(workload, contenders, reference, { ...effort, restMs }, ignore);
      return performance.now() - start;
    };
    // Two first steps and two repetitions of each; timers may be a little early.
    expect(await timeOf('gatefold', 'jax-webgpu')).toBeGreaterThan(6 * (restMs - 2));
    expect(await timeOf('gatefold')).toBeLessThan(restMs);
  });

  it("asks for the speed of a peer's matmul behind each repetition", async () => {
    const log: string[] = [];
    const rates = [6, 2, 3];
    const rate = () => {
      log.push('rated');
      return Promise.resolve(rates[log.filter((line) => line === 'rated').length - 1] as number);
    };
    const contenders = [
      makeContender('gatefold', log, lossOf, rate),
      makeContender('jax-webgpu', log),
    ];
    const three = { ...effort, repetitions: 3 };
    const [own, other] = await runInTurn(workload, contenders, reference, three, ignore);
    expect(log.slice(2, 5)).toEqual(['gatefold 2', 'rated', 'jax-webgpu 2']);
    expect([own?.matmulGflops, other?.matmulGflops]).toEqual([3, null]);
  });

  it('gives no time to a peer that is wrong, and goes on with the others', async () => {
    const log: string[] = [];
    const wrong = makeContender('tfjs-webgpu', log, (step) => lossOf(step) + (step > 1 ? 0.01 : 0));
    const contenders = [wrong, makeContender('gatefold', log)];
    const [bad, good] = await runInTurn(workload, contenders, reference, effort, ignore);
    expect(bad).toMatchObject({ check: `wrong: loss of step 2 is ${lossOf(2) + 0.01}` });
    expect(bad).toMatchObject({ medianMs: null, minMs: null, firstMs: null, timesMs: [] });
    expect(log).not.toContain('tfjs-webgpu 3');
    expect(good).toMatchObject({ check: 'ok', repetitions: 2 });
  });

  it('says why a peer failed or hung', async () => {
    const throws = makeContender('ort-webgpu', [], () => Promise.reject(new Error('no kernel')));
    const hangs = makeContender('brain', [], (step) => (step < 2 ? 3.9 : new Promise(ignore)));
    const short = { ...effort, limitMs: 20 };
    const [first, second] = await runInTurn(workload, [throws, hangs], reference, short, ignore);
    expect(first?.check).toBe('failed: no kernel');
    expect(second).toMatchObject({ check: 'failed: a repetition took over 0 s', medianMs: null });
  });

  it('stops when the budget is spent, after one repetition at least', async () => {
    const slow = makeContender('gatefold', [], async (step) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return lossOf(step);
    });
    const [result] = await runInTurn(
      workload,
      [slow],
      reference,
      { ...effort, budgetMs: 1 },
      ignore,
    );
    expect(result).toMatchObject({ repetitions: 1, check: 'ok' });
  });

  it('reports many steps of a repetition per step', async () => {
    const hello = findWorkload('hello');
    const fast = makeContender('gatefold', []);
    const [result] = await runInTurn(hello, [fast], reference, effort, ignore);
    expect(result).toMatchObject({ stepsPerRepetition: 300, dispatches: 5, lastStep: 602 });
  });

  it('ends when it is told to, and closes what it opened', async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const contender = makeContender('gatefold', log, (step) => {
      if (step === 2) controller.abort();
      return lossOf(step);
    });
    const stoppable = { ...effort, signal: controller.signal };
    await expect(runInTurn(workload, [contender], reference, stoppable, ignore)).rejects.toThrow(
      /abort/,
    );
    expect(log).toEqual(['gatefold 1', 'gatefold 2', 'gatefold disposed', 'gatefold closed']);
  });
});
