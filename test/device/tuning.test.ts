import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Tunable } from '../../src/graph/tunable.ts';
import {
  AbortedError,
  type Device,
  linear,
  loadTuning,
  lstm,
  Network,
  OptionError,
  oneHot,
  ParityError,
  parseTuning,
  sequential,
  sgd,
  Trainer,
  type TrainerOptions,
  type TuneProgress,
  textStream,
  tune,
} from '../../src/index.ts';
import { chooseMatmulShape, type MatmulShape } from '../../src/ops/matmul-shape.ts';
import { tuneMatmul } from '../../src/ops/matmul-tunable.ts';
import { planLimits } from '../../src/training/plan-limits.ts';
import { ProbeArena } from '../../src/tuning/arena.ts';
import { useDevice } from '../support/device.ts';

const device = useDevice();

let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'gatefold-cache-'));
  // The software adapter has been unpacked where it always is: the device is open by now.
  vi.stubEnv('GATEFOLD_CACHE', cache);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

/** The one file in the cache. */
async function findCacheFile(): Promise<string> {
  const [name, ...others] = await readdir(cache);
  expect(others).toEqual([]);
  expect(name).toMatch(/^tuning-node-[a-z0-9-]+\.json$/);
  return join(cache, name ?? '');
}

function tinyModel(changes: Partial<TrainerOptions> = {}): TrainerOptions & { device: Device } {
  const text = 'the quick brown fox jumps over the lazy dog '.repeat(8);
  const data = textStream(text, { batch: 5, steps: 6 });
  const { size } = data.vocabulary ?? { size: 0 };
  const model = sequential([oneHot(size), lstm(12), linear(size)]);
  const base = { data, model, optimizer: sgd({ learningRate: 0.5 }), seed: 3, selfTest: false };
  return { ...base, ...changes, device: device() };
}

async function lossesOf(options: TrainerOptions): Promise<number[]> {
  await using trainer = await Trainer.create(options);
  const losses: number[] = [];
  for await (const { loss } of trainer.fit({ steps: 4 })) losses.push(loss);
  return losses;
}

describe('tune()', () => {
  it('measures within its budget, is kept, and changes nothing but the shapes', async () => {
    const progress: TuneProgress[] = [];
    const options = tinyModel();
    const onProgress = (report: TuneProgress) => progress.push(report);
    const outcomes = () => progress.flatMap(({ candidate }) => candidate?.outcome ?? []);
    let tuning = await tune({ ...options, budgetMs: 6000, onProgress });
    // A busy machine may measure the rules' shapes alone in that time; the next call goes on.
    for (let calls = 1; outcomes().length === 0 && calls < 8; calls++) {
      tuning = await tune({ ...options, budgetMs: 6000, onProgress });
    }
    const measured = Object.values(tuning.shapes);
    expect(measured.length).toBeGreaterThan(0);
    for (const { ms, ruleMs } of measured) {
      expect(ms).toBeGreaterThan(0);
      if (ms !== ruleMs) expect(ms).toBeLessThanOrEqual(0.95 * ruleMs);
    }
    expect(outcomes().length).toBeGreaterThan(0);
    expect(outcomes()).not.toContain('wrong');
    expect(outcomes()).not.toContain('failed');

    expect(await loadTuning(device())).toEqual(tuning);
    expect(parseTuning(JSON.stringify(tuning))).toEqual(tuning);

    const untuned = await lossesOf(options);
    const tuned = await lossesOf({ ...options, tuning });
    for (const [step, loss] of tuned.entries()) expect(loss).toBeCloseTo(untuned[step] ?? 0, 4);
    // Nothing is used unasked.
    expect(await lossesOf(options)).toEqual(untuned);
  });

  it('goes on where the budget ended: what is done is not measured again', async () => {
    const [key = ''] = Object.keys((await tune({ ...tinyModel(), budgetMs: 100 })).shapes);
    const path = await findCacheFile();
    const stored = parseTuning(await readFile(path, 'utf8'));
    const { interrupted: _open, ...entry } = stored.shapes[key] ?? expect.fail('no shape');
    await writeFile(path, JSON.stringify({ ...stored, shapes: { [key]: { ...entry, ms: 77 } } }));
    const keys: (string | undefined)[] = [];
    const tuning = await tune({
      ...tinyModel(),
      budgetMs: 500,
      onProgress: (report) => keys.push(report.key),
    });
    expect(tuning.shapes[key]?.ms).toBe(77);
    expect(keys).not.toContain(key);
    expect(Object.keys(tuning.shapes).length).toBeGreaterThan(1);
  });

  it('says that the cache is broken, and writes it anew', async () => {
    await tune({ ...tinyModel(), budgetMs: 100 });
    const path = await findCacheFile();
    await writeFile(path, '{"version": 3, "ada');
    await expect(loadTuning(device())).rejects.toThrow(`${path}: no JSON (`);
    const messages: string[] = [];
    const onProgress = ({ message }: TuneProgress) => messages.push(message);
    const tuning = await tune({ ...tinyModel(), budgetMs: 100, onProgress });
    expect(messages[0]).toContain(`what was kept could not be used: ${path}: no JSON (`);
    expect(messages[0]).toMatch(/It is measured and written anew\.$/);
    expect(await loadTuning(device())).toEqual(tuning);
  });

  it('stops when it is told to, and keeps the kernels that are done', async () => {
    const controller = new AbortController();
    const run = tune({
      ...tinyModel(),
      onProgress: ({ done }) => done > 0 && controller.abort('enough'),
      signal: controller.signal,
      budgetMs: 1500,
    });
    await expect(run).rejects.toThrow(AbortedError);
    await expect(run).rejects.toThrow(/^tune: aborted after 1 of \d+ kernels\.$/);
    expect(Object.keys((await loadTuning(device()))?.shapes ?? {})).toHaveLength(1);
  });

  it('tunes a forward pass by the shapes of its inputs', async () => {
    const { model } = tinyModel();
    const tuning = await tune({
      device: device(),
      model,
      inputs: { input: { shape: [7, 2], dtype: 'i32' } },
      budgetMs: 100,
      cache: false,
    });
    expect(Object.keys(tuning.shapes)).toEqual(['recurrence-forward lstm t=7 b=2 h=12']);
    expect(await loadTuning(device())).toBeUndefined();
  });

  it('wants a device and a budget', async () => {
    const onReference = { ...tinyModel(), device: 'reference' as unknown as Device };
    await expect(tune(onReference)).rejects.toThrow(
      "tune: device is 'reference', expected one from requestDevice(): the reference has no kernels.",
    );
    await expect(tune({ ...tinyModel(), budgetMs: 0 })).rejects.toThrow(
      'tune: budgetMs is 0, expected a number > 0.',
    );
    await expect(tune({ ...tinyModel(), budgetMs: 0 })).rejects.toThrow(OptionError);
  });
});

describe('a plan made with a tuning', () => {
  it('has its device tested by kernels that do the cell only where its recurrences have those', async () => {
    const apart = {
      ...{ strategy: 'stepwise', productsApart: true, rows: 2, units: 1, lanes: 4, unitTile: 4 },
      ...{ spreads: false, stages: false, slices: 1, heldQuads: 0 },
    };
    const entry = { shape: apart, ms: 1, ruleMs: 2, candidates: 2 };
    const tuning = {
      version: 6,
      adapter: device().info,
      shapes: {
        'recurrence-forward lstm t=6 b=5 h=12': entry,
        'recurrence-backward lstm t=6 b=5 h=12': entry,
      },
    } as const;
    const kernels = new Map<string, string[]>();
    const compile = vi.spyOn(device(), 'compile');
    await using trainer = await Trainer.create({ ...tinyModel({ selfTest: true }), tuning });
    for (const [{ name, launches }] of compile.mock.calls) {
      const found = launches.map(({ kernel }) => kernel).filter((each) => each.includes('-cell'));
      kernels.set(name, [...new Set(found)]);
    }
    compile.mockRestore();
    const both = ['recurrence-forward-cell', 'recurrence-backward-cell'];
    expect(Object.fromEntries(kernels)).toEqual({ train: both, graph: both });
    for await (const { loss } of trainer.fit({ steps: 1 })) expect(loss).toBeGreaterThan(0);
  });

  it('takes its shapes and says so; a network loaded with it too', async () => {
    const options = tinyModel();
    const shape = {
      ...{ strategy: 'stepwise', rows: 1, units: 1, lanes: 4, unitTile: 4 },
      ...{ productsApart: false, spreads: false, stages: false, slices: 1, heldQuads: 0 },
    };
    const tuning = {
      version: 6,
      adapter: device().info,
      shapes: {
        'recurrence-forward lstm t=6 b=5 h=12': { shape, ms: 1, ruleMs: 2, candidates: 9 },
        'recurrence-backward lstm t=6 b=5 h=12': {
          ...{ ms: 1, ruleMs: 2, candidates: 9 },
          shape: { ...shape, lanes: 1000 },
        },
      },
    } as const;
    await using trainer = await Trainer.create({ ...options, tuning });
    const plan = trainer.explain();
    expect(plan).toContain(
      "lstm/recurrence_l0: stepwise, 1 rows × 1 units per lane, 4 lanes; measured: 1.00 ms, the rule's shape 2.00 ms",
    );
    expect(plan).toMatch(
      /recurrence_l0\.gradient: persistent,.*; by the rule, not measured: the measured shape is refused: lanes × slices is a workgroup, at most \d+ here/,
    );
    expect(plan).toMatch(
      / linear: .*; by the rule, not measured: the tuning has no 'matmul nn m=30/,
    );
    const untuned = await lossesOf(options);
    const tuned = await lossesOf({ ...options, tuning });
    for (const [step, loss] of tuned.entries()) expect(loss).toBeCloseTo(untuned[step] ?? 0, 4);

    const checkpoint = await trainer.checkpoint();
    const network = await Network.load({ device: device(), checkpoint, tuning });
    const plain = await Network.load({ device: device(), checkpoint });
    const tokens = { data: Int32Array.from({ length: 30 }, (_none, at) => at % 9), shape: [6, 5] };
    const [a, b] = await Promise.all([
      network.forward({ input: tokens }),
      plain.forward({ input: tokens }),
    ]);
    for (const [at, value] of (a.output?.data ?? []).entries()) {
      expect(value).toBeCloseTo(b.output?.data[at] ?? Number.NaN, 5);
    }
    await network.dispose();
    await plain.dispose();
  });

  it('is by the rule where the tuning is of another adapter, and refuses what is no tuning', async () => {
    const other = { ...device().info, description: 'Acme One' };
    const tuning = { version: 6, adapter: other, shapes: {} } as const;
    await using trainer = await Trainer.create({ ...tinyModel(), tuning: [tuning] });
    expect(trainer.explain()).toContain(
      `not measured: the tuning is of Acme One, this is ${device().info.description}`,
    );
    const wrong = { ...tuning, version: 9 } as unknown as typeof tuning;
    await expect(Trainer.create({ ...tinyModel(), tuning: wrong })).rejects.toThrow(
      'tuning: version is 9, this Gatefold reads 6. Measure again with tune().',
    );
  });
});

describe('the arena', () => {
  const subject = {
    ...{ m: 20, n: 16, k: 24 },
    ...{ transposesA: false, transposesB: false, canSplit: true },
  };
  /** Its lanes do not lie as spreading needs them: `refuse` would keep it from ever being tried. */
  const wrong: MatmulShape = {
    ...{ rows: 2, columns: 1, lanesM: 4, lanesN: 2, spreads: true, stageK: 0 },
    ...{ slices: 1, splitK: 24 },
  };

  function arenaOf(change: (tunable: Tunable<MatmulShape>) => Tunable<MatmulShape>) {
    const limits = planLimits(device());
    const tunable = tuneMatmul(
      limits,
      subject,
      chooseMatmulShape(limits, subject, subject.canSplit),
    );
    return { tunable, arena: new ProbeArena(device(), limits, change(tunable)) };
  }

  it('refuses a candidate that computes something else than the rule’s shape', async () => {
    const { tunable, arena } = arenaOf((given) => given);
    expect(tunable.refuse(wrong)).toContain('spreads needs');
    const rule = await arena.prepare(tunable.builtIn);
    if ('outcome' in rule) throw new Error(rule.reason);
    expect(await rule.measure()).toBeGreaterThan(0);
    const refused = await arena.prepare(wrong);
    expect(refused).toMatchObject({ outcome: 'wrong' });
    expect(refused).toHaveProperty(
      'reason',
      expect.stringMatching(/^product at \d+ is .*, expected/),
    );
    rule.dispose();
    arena.dispose();
  });

  it('holds the rule’s shape against the reference', async () => {
    const { arena } = arenaOf((tunable) => ({ ...tunable, builtIn: wrong }));
    const prepared = arena.prepare(wrong);
    await expect(prepared).rejects.toThrow(ParityError);
    await expect(prepared).rejects.toThrow(
      /^tune: 'matmul nn m=20 n=16 k=24' with rows 2.* on .*: the last row of product at/,
    );
    arena.dispose();
  });
});
