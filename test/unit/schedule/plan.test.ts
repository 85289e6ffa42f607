import { describe, expect, it } from 'vitest';
import { input, parameter, state } from '../../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import type { BindingDescription } from '../../../src/kernels/description.ts';
import { type KernelName, kernels } from '../../../src/kernels/generated/index.ts';
import { gru, lstm } from '../../../src/layers/recurrent.ts';
import { linear } from '../../../src/ops/linear.ts';
import { cutSteps } from '../../../src/ops/recurrence-shape.ts';
import { sum } from '../../../src/ops/reduce.ts';
import { scale, square } from '../../../src/ops/unary.ts';
import { explainPlan, measurePlan } from '../../../src/schedule/explain.ts';
import { layOutParameters } from '../../../src/schedule/parameter-layout.ts';
import type { Launch, Plan } from '../../../src/schedule/plan.ts';
import { schedule } from '../../../src/schedule/schedule.ts';
import { planLanguageModel } from './language-model.ts';
import { narrowLimits, wideLimits } from './limits.ts';

const size = { steps: 16, batch: 16, vocabulary: 30 };

/** A line per launch: what runs, how often, and the work. */
function summarize(plan: Plan): string[] {
  return plan.launches.map(
    ({ label, kernel, cell, workgroups, cost }) =>
      `${label} = ${kernel}${cell ? `+${cell}` : ''} ${workgroups.join('×')}, ${cost.flops} FLOP`,
  );
}

const ofKernel = (plan: Plan, kernel: string): Launch[] =>
  plan.launches.filter((launch) => launch.kernel === kernel);

function planOf(outputs: Record<string, SymbolicTensor>, options = {}): Plan {
  const program = { name: 'case', parameters: layOutParameters([]) };
  return schedule(
    { ...program, outputs: new Map(Object.entries(outputs)) },
    { limits: narrowLimits, ...options },
  );
}

describe('the plan of a one-layer LSTM language model', () => {
  it('is this', () => {
    expect(summarize(planLanguageModel(size))).toMatchSnapshot();
  });

  it('has other tiles for an adapter with 32 lanes, and no other launches but for sums in parts', () => {
    const [narrow, wide] = [
      planLanguageModel(size),
      planLanguageModel(size, { limits: wideLimits }),
    ];
    const labelsOf = ({ launches }: Plan) =>
      new Set(launches.map(({ label }) => label.replace('.parts', '')));
    expect(labelsOf(wide)).toEqual(labelsOf(narrow));
    expect(ofKernel(wide, 'matmul')[0]?.constants).toMatchObject({ slices: 8, lanes_n: 16 });
    expect(ofKernel(narrow, 'matmul')[0]?.constants).toMatchObject({ slices: 1, lanes_n: 4 });
    expect(measurePlan(wide).flops).toBeGreaterThanOrEqual(measurePlan(narrow).flops);
  });

  it('has the same launches for 16 and 256 steps, at most 24', () => {
    const [short = [], long = []] = [16, 256].map((steps) =>
      planLanguageModel({ ...size, steps }).launches.map(({ label }) => label),
    );
    expect(long).toEqual(short);
    expect(long.length).toBeLessThanOrEqual(24);
  });

  it('takes a dispatch per step and phase, and one for the first state, where stepwise is forced', () => {
    const count = (plan: Plan) =>
      ['recurrence-forward', 'recurrence-backward'].map((kernel) => ofKernel(plan, kernel).length);
    expect(count(planLanguageModel(size, { strategy: 'stepwise' }))).toEqual([17, 16]);
    const layer = gru(64, { reset: 'before' });
    expect(count(planLanguageModel({ ...size, layer }, { strategy: 'stepwise' }))).toEqual([
      33, 32,
    ]);
    expect(count(planLanguageModel({ ...size, layer }))).toEqual([1, 1]);
    const strategy = new Map([['lstm/recurrence_l0', 'stepwise' as const]]);
    expect(count(planLanguageModel(size, { strategy }))).toEqual([17, 1]);
  });

  it('chooses by hidden size, says why, and obeys when it is told otherwise', () => {
    const decisionsOf = (hiddenSize: number, options = {}) =>
      planLanguageModel({ ...size, layer: lstm(hiddenSize) }, options).decisions;
    expect(decisionsOf(128)[0]).toEqual({
      node: 'lstm/recurrence_l0',
      choice: expect.stringMatching(/^persistent, 8 rows × \d units per lane, \d+ lanes$/),
      reason: 'hidden 128 ≤ 128: one workgroup walks all units of its batch rows',
    });
    expect(decisionsOf(129)[0]).toEqual({
      node: 'lstm/recurrence_l0',
      choice: expect.stringMatching(/^stepwise, 16 rows × \d units per lane, \d+ lanes$/),
      reason: 'hidden 129 > 128: units are spread over workgroups, step by step',
    });
    const fewRows = { ...size, batch: 8, layer: lstm(65) };
    expect(planLanguageModel(fewRows).decisions[0]).toEqual({
      node: 'lstm/recurrence_l0',
      choice: expect.stringMatching(/^stepwise, 8 rows × \d units per lane, \d+ lanes$/),
      reason: 'hidden 65 > 64 with 8 rows: units are spread over workgroups, step by step',
    });
    const tilesOf = (steps: number, batch = 32) =>
      planLanguageModel({ ...size, batch, steps, layer: lstm(256) }).decisions.map(
        ({ choice }) => choice,
      );
    const small = ['stepwise, 16 rows × 2 units per lane', 'stepwise, 16 rows × 8 units per lane'];
    const large = Array(2).fill('stepwise, products apart, 32 rows × 1 units per lane');
    const odd = ['stepwise, 28 rows × 2 units per lane', 'stepwise, 28 rows × 8 units per lane'];
    // 16.8 MFLOP a step: 500 MFLOP are passed with the 30th.
    expect(tilesOf(29)).toEqual(small.map((tile) => expect.stringContaining(tile)));
    expect(tilesOf(30)).toEqual(large.map((tile) => expect.stringContaining(tile)));
    // A product of fewer rows would leave much of its tiles empty.
    expect(tilesOf(60, 28)).toEqual(odd.map((tile) => expect.stringContaining(tile)));
    expect(tilesOf(60, 29)[0]).toContain('products apart, 29 rows');
    const forced = decisionsOf(300, { strategy: 'persistent' });
    expect(forced.map(({ reason }) => reason)).toEqual(['asked for', 'asked for']);
    expect(forced.every(({ choice }) => choice.startsWith('persistent'))).toBe(true);
  });

  it('is cut where a dispatch would run for long, into equal parts that cover every step', () => {
    const sizes = { steps: 400, batch: 32, vocabulary: 8, layer: lstm(256) };
    const plan = planLanguageModel(sizes, { strategy: 'persistent' });
    const perStep = 2 * 32 * 4 * 256 * 256;
    for (const kernel of ['recurrence-forward', 'recurrence-backward']) {
      const flops = ofKernel(plan, kernel).map(({ cost }) => cost.flops);
      expect(flops).toHaveLength(Math.ceil(400 / Math.floor(5e8 / perStep)));
      expect(Math.max(...flops)).toBeLessThanOrEqual(5e8);
      expect(flops.reduce((total, value) => total + value)).toBe(400 * perStep);
    }
    expect(cutSteps(10, 5e8 / 3)).toEqual([
      { first: 0, count: 3 },
      { first: 3, count: 3 },
      { first: 6, count: 3 },
      { first: 9, count: 1 },
    ]);
    expect(cutSteps(2, 1e12).map(({ count }) => count)).toEqual([1, 1]);
    expect(cutSteps(7, 0)).toEqual([{ first: 0, count: 7 }]);
  });

  it('is the same for the same program, and explains itself', () => {
    expect(planLanguageModel(size)).toEqual(planLanguageModel(size));
    const lines = explainPlan(planLanguageModel(size)).split('\n');
    expect(lines[0]).toBe("plan 'train'");
    expect(lines).toContain(
      '  lstm/recurrence_l0: recurrence-forward + lstm, 2×1×1 workgroups, 8.39MFLOP, 852KB',
    );
    expect(explainPlan(planLanguageModel(size))).toMatch(
      / {2}lstm\/recurrence_l0: persistent, .* lanes; hidden 64 ≤ 128: one workgroup walks all units/,
    );
    expect(lines.find((line) => line.startsWith('  total:'))).toMatch(
      /^ {2}total: \d+ dispatches, [\d.]+MFLOP, [\d.]+MB moved$/,
    );
    expect(lines.find((line) => line.startsWith('  memory:'))).toMatch(
      /^ {2}memory: [\d.]+KB of its own, [\d.]+KB shared, activations [\d.]+KB, peak need [\d.]+KB \(ratio 1\.\d\d\)$/,
    );
    const stepwise = explainPlan(planLanguageModel(size, { strategy: 'stepwise' }));
    expect(stepwise).toMatch(
      /lstm\/recurrence_l0: recurrence-forward \+ lstm × 17, 1×\d+×1 workgroups, 8\.39MFLOP, /,
    );
  });

  it('binds what lies in buffers, aligned, and never reads and writes one buffer in a dispatch', () => {
    for (const options of [{}, { strategy: 'stepwise' }, { keepsAll: true }] as const) {
      const plan = planLanguageModel({ ...size, vocabulary: 7 }, options);
      for (const { label, kernel, bindings } of plan.launches) {
        const described: Readonly<Record<string, BindingDescription>> =
          kernels[kernel as KernelName].bindings;
        const access = new Map<number, string>();
        for (const [name, { buffer, offsetBytes, bytes }] of Object.entries(bindings)) {
          expect(offsetBytes % 256, label).toBe(0);
          expect(offsetBytes + bytes, label).toBeLessThanOrEqual(plan.buffers[buffer]?.bytes ?? 0);
          const wanted = described[name]?.access as string;
          expect(access.get(buffer) ?? wanted, `${label}: ${name}`).toBe(wanted);
          access.set(buffer, wanted);
        }
      }
    }
  });

  it('keeps weights packed once where nothing changes them, else packs them in every step', () => {
    const once = planLanguageModel(size, { packsOnce: true });
    expect(once.prologue.map(({ label }) => label)).toEqual(['pack weights']);
    const always = planLanguageModel(size);
    expect(always.prologue).toEqual([]);
    expect(always.launches[0]?.label).toBe('pack weights');
    expect(always.launches.slice(1).map(({ label }) => label)).toEqual(
      once.launches.map(({ label }) => label),
    );
  });

  it('gives carried states a key with the prefix', () => {
    const keys = planOf(
      { y: square(state('h', [2])) },
      { statePrefix: 'evaluation/' },
    ).buffers.flatMap(({ key }) => key ?? []);
    expect(keys).toEqual(['evaluation/state/h']);
  });
});

describe('schedule', () => {
  it('counts the work of products exactly', () => {
    const y = linear(input('x', [5, 3]), input('w', [7, 3]), input('b', [7]));
    const plan = planOf({ y });
    expect(measurePlan(plan).flops).toBe(2 * 5 * 3 * 7);
    const [product] = ofKernel(plan, 'matmul');
    expect(product?.cost).toEqual({
      flops: 210,
      readBytes: 4 * (15 + 21 + 7),
      writtenBytes: 4 * 35,
    });
    expect(plan.tensors.get('y')).toMatchObject({ shape: [5, 7], dtype: 'f32' });
  });

  it('keeps every tensor readable and shares nothing where asked to', () => {
    let x = input('x', [64]);
    for (let index = 0; index < 6; index++) x = scale(x, 2, `scale_${index}`);
    const y = sum(square(x));
    const activations = (plan: Plan) => plan.buffers.filter(({ role }) => role === 'activation');
    const [shared, kept] = [planOf({ y }), planOf({ y }, { keepsAll: true })];
    expect(activations(shared).length).toBeLessThan(activations(kept).length);
    expect([...shared.tensors.keys()]).toEqual(['x', 'y']);
    expect([...kept.tensors.keys()]).toEqual(
      expect.arrayContaining(['x', 'y', 'scale_0', 'scale_5', 'square']),
    );
    const places = [...kept.tensors].filter(([name]) => name !== 'y');
    expect(new Set(places.map(([, { view }]) => view.buffer)).size).toBe(places.length);
  });

  it('refuses a parameter that the layout does not hold', () => {
    const w = parameter({ name: 'w', shape: [2], initialize: () => new Float32Array(2) });
    expect(() => planOf({ y: square(w) })).toThrow(
      "case: parameter 'w' is not in the parameter layout.",
    );
  });

  it('lays parameters out at multiples of 64 floats, gaps included in the total', () => {
    const define = (name: string, shape: number[]) => ({
      name,
      shape,
      initialize: () => new Float32Array(),
    });
    const layout = layOutParameters([
      define('a', [3, 5]),
      define('b', [64]),
      define('c', [65]),
      define('d', []),
    ]);
    const slots = [...layout.slots.values()].map(({ offsetFloats, size }) => [offsetFloats, size]);
    expect(slots).toEqual([
      [0, 15],
      [64, 64],
      [128, 65],
      [256, 1],
    ]);
    expect(layout.totalFloats).toBe(320);
    expect(layOutParameters([]).totalFloats).toBe(64);
  });
});
