import { describe, expect, it } from 'vitest';
import { cells } from '../../../src/cells/registry.ts';
import type { Strategy } from '../../../src/graph/operator.ts';
import { input } from '../../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import type { Layer } from '../../../src/layers/layer.ts';
import { gru, lstm, rnn } from '../../../src/layers/recurrent.ts';
import { dropout } from '../../../src/ops/dropout.ts';
import { linear } from '../../../src/ops/linear.ts';
import { recurrence } from '../../../src/ops/recurrence.ts';
import { planWaves } from '../../../src/ops/recurrence-spans.ts';
import { explainPlan } from '../../../src/schedule/explain.ts';
import { layOutParameters } from '../../../src/schedule/parameter-layout.ts';
import type { Plan } from '../../../src/schedule/plan.ts';
import { schedule } from '../../../src/schedule/schedule.ts';
import { planLanguageModel } from './language-model.ts';
import { narrowLimits, wideLimits } from './limits.ts';

const size = { steps: 16, batch: 16, vocabulary: 30 };

const plan = (layer: Layer, strategy?: Strategy, limits = narrowLimits, steps = size.steps): Plan =>
  planLanguageModel({ ...size, steps, layer }, { limits, ...(strategy && { strategy }) });

/** Dispatches of recurrences forward and backward, and the tracks of each kind's first. */
const count = ({ launches }: Plan) =>
  ['recurrence-forward', 'recurrence-backward'].map(
    (kernel) => launches.filter((launch) => launch.kernel === kernel).length,
  );

const choices = ({ decisions }: Plan) => decisions.map(({ choice }) => choice);

describe('the directions of a layer', () => {
  it('take as many recurrence dispatches as one direction, with twice the workgroups', () => {
    for (const strategy of ['persistent', 'stepwise'] as const) {
      const [one, both] = [{}, { direction: 'bidirectional' } as const].map((options) =>
        plan(gru(20, { reset: 'before', ...options }), strategy),
      ) as [Plan, Plan];
      expect(count(both)).toEqual(count(one));
      for (const { kernel, workgroups } of both.launches) {
        if (kernel.startsWith('recurrence-')) expect(workgroups[2]).toBe(2);
      }
    }
    const two = plan(lstm(20, { direction: 'bidirectional', layers: 2 }));
    expect(count(two)).toEqual([2, 2]);
  });

  it('are explained', () => {
    const { decisions } = plan(lstm(20, { direction: 'bidirectional' }));
    expect(decisions[0]?.choice).toMatch(/^persistent, .* lanes, 2 tracks per dispatch$/);
    expect(decisions[0]?.reason).toMatch(
      /^2 recurrences that read the same input share their dispatches; hidden 20 ≤ 128/,
    );
    expect(decisions.map(({ node }) => node)).toEqual([
      'lstm/recurrence_l0',
      'lstm/recurrence_l0_reverse',
      'lstm/recurrence_l0.gradient',
      'lstm/recurrence_l0_reverse.gradient',
    ]);
  });

  it('copy nothing but what a concatenation does: inputs lie side by side as they are made', () => {
    const labels = plan(lstm(20, { direction: 'bidirectional' })).launches.map(
      ({ label }) => label,
    );
    expect(
      labels.filter((label) => /recurrence_l0.* \+ .*\.(\d|projected|initial|bias)/.test(label)),
    ).toEqual([]);
  });
});

describe('recurrences that need each other', () => {
  const B = 2;
  const H = 3;
  const cell = cells.rnn.create({});
  const draw = (name: string, shape: readonly number[]) => input(name, shape);

  function planOf(output: SymbolicTensor, strategy?: Strategy): Plan {
    return schedule(
      { name: 'case', parameters: layOutParameters([]), outputs: new Map([['output', output]]) },
      { limits: narrowLimits, ...(strategy && { strategy }) },
    );
  }

  it('keep their dispatches, though they read the same input', () => {
    const x = draw('x', [4, B, H]);
    const weight = draw('weight', [H, H]);
    const project = (name: string) => linear(x, weight, undefined, name);
    const first = recurrence(
      { projected: project('a'), weight, initial: draw('initial', [1, B, H]) },
      { cell, reverse: false },
      'first',
    );
    const second = recurrence(
      { projected: project('b'), weight, initial: first.final },
      { cell, reverse: false },
      'second',
    );
    const free = planOf(second.output);
    expect(count(free)[0]).toBe(2);
    expect(choices(free).join()).not.toContain('tracks');
  });

  it('are no wavefront where the state of the lower one starts the upper one', () => {
    const weight = draw('weight', [H, H]);
    const start = (name: string) => draw(name, [1, B, H]);
    const options = { cell, reverse: false };
    const low = recurrence(
      { projected: draw('x', [4, B, H]), weight, initial: start('s') },
      options,
      'low',
    );
    const up = recurrence(
      { projected: linear(low.output, weight), weight, initial: low.final },
      options,
      'up',
    );
    expect(() => planOf(up.output, 'wavefront')).toThrow(
      "low: strategy 'wavefront' runs stacked layers side by side, but 'low' and the layers on it need each " +
        'other in other ways, too.',
    );
    expect(count(planOf(up.output))[0]).toBe(2);
  });

  it('are a wavefront across a dropout, but not across one that drops nothing', () => {
    const weight = draw('weight', [H, H]);
    const options = { cell, reverse: false };
    const build = (rate: number) => {
      const start = draw('s', [1, B, H]);
      const low = recurrence(
        { projected: draw('x', [4, B, H]), weight, initial: start },
        options,
        'low',
      );
      const x = linear(dropout(low.output, { rate, stream: 1 }), weight);
      return recurrence({ projected: x, weight, initial: draw('t', [1, B, H]) }, options, 'up')
        .output;
    };
    expect(choices(planOf(build(0.5), 'wavefront'))[0]).toContain('wavefront of 2 layers');
    expect(() => planOf(build(0), 'wavefront')).toThrow('no recurrent layer here reads the output');
  });
});

describe('a wavefront', () => {
  it('takes a dispatch per chunk, and one more for each layer but the first', () => {
    const stacked = plan(lstm(64, { layers: 3 }), 'wavefront', narrowLimits, 64);
    const [, chunk] =
      /^wavefront of 3 layers, (\d+) steps apart/.exec(choices(stacked)[0] ?? '') ?? [];
    const chunks = Math.ceil(64 / Number(chunk));
    expect(count(stacked)).toEqual([chunks + 2, chunks + 2]);
    const tracks = stacked.launches
      .filter(({ kernel }) => kernel === 'recurrence-forward')
      .map(({ workgroups }) => workgroups[2]);
    expect(tracks.slice(0, 3)).toEqual([1, 2, 3]);
    expect(tracks.slice(-3)).toEqual([3, 2, 1]);
    const products = stacked.launches.filter(({ label }) => /project_l[12]#/.test(label));
    expect(products).toHaveLength(2 * chunks);
  });

  it('does the work of the layers one after the other', () => {
    const flops = (strategy: Strategy) =>
      plan(lstm(64, { layers: 2 }), strategy)
        .launches.filter(({ kernel }) => kernel.startsWith('recurrence-'))
        .reduce((sum, { cost }) => sum + cost.flops, 0);
    expect(flops('wavefront')).toBe(flops('persistent'));
  });

  it('is as many dispatches as before for a single step', () => {
    const layer = () => lstm(40, { layers: 3 });
    expect(count(plan(layer(), 'wavefront', narrowLimits, 1))).toEqual([3, 3]);
  });

  it('is chosen by itself on a GPU that one layer leaves idle, and never on a narrow adapter', () => {
    const deep = () => lstm(128, { layers: 2 });
    const wide = plan(deep(), undefined, wideLimits, 64);
    expect(wide.decisions[0]).toEqual({
      node: 'lstm/recurrence_l0',
      choice: expect.stringMatching(
        /^wavefront of 2 layers, \d+ steps apart, persistent, \d+ rows/,
      ),
      reason: expect.stringMatching(
        /^\d+ workgroups of a layer leave most of a GPU idle, side by side the layers take an estimated \d\d % of/,
      ),
    });
    expect(choices(plan(deep(), undefined, narrowLimits, 64)).join()).not.toContain('wavefront');
    expect(choices(plan(deep(), 'persistent', wideLimits, 64)).join()).not.toContain('wavefront');
    // Many rows fill the device, few steps do not pay.
    const many = planLanguageModel(
      { steps: 64, batch: 128, vocabulary: 9, layer: deep() },
      { limits: wideLimits },
    );
    expect(choices(many).join()).not.toContain('wavefront');
    expect(choices(plan(deep(), undefined, wideLimits, 2)).join()).not.toContain('wavefront');
  });

  it('is chosen by itself on a GPU where dispatches of single steps take most of the time', () => {
    const deep = (hiddenSize: number) => lstm(hiddenSize, { layers: 2 });
    const wide = plan(deep(256), undefined, wideLimits, 64);
    expect(wide.decisions[0]).toMatchObject({
      choice: expect.stringMatching(/^wavefront of 2 layers, 8 steps apart, stepwise, /),
      reason: expect.stringMatching(
        /^a step of several layers waits for one dispatch, side by side the layers take an estimated \d\d % of/,
      ),
    });
    // One dispatch copies the states; 8 chunks of 8 steps, and one more for the layer above.
    expect(count(wide)).toEqual([1 + 9 * 8, 9 * 8]);
    expect(choices(plan(deep(256), 'stepwise', wideLimits, 64)).join()).not.toContain('wavefront');
    expect(choices(plan(deep(256), undefined, narrowLimits, 64)).join()).not.toContain('wavefront');
    // Where weights take far longer to read than a dispatch to begin, nothing is gained.
    expect(choices(plan(deep(4096), undefined, wideLimits, 8)).join()).not.toContain('wavefront');
  });

  it('is a line per kind of launch in explain()', () => {
    const lines = explainPlan(plan(lstm(64, { layers: 2 }), 'wavefront')).split('\n');
    const own = lines.filter((line) => /recurrence-forward|project_l1:/.test(line));
    expect(own).toHaveLength(2);
    expect(own[0]).toMatch(
      /lstm\/recurrence_l0 \+ lstm\/recurrence_l1: recurrence-forward \+ lstm × \d+, /,
    );
  });

  it('is refused where there is none, with the reason', () => {
    const remedy =
      ". Stack layers of one cell, hidden size and direction (layers: 2 or more), or ask for 'persistent' or " +
      "'stepwise'.";
    const start = (name: string) =>
      `${name}: strategy 'wavefront' runs stacked layers side by side, but `;
    expect(() => plan(lstm(8), 'wavefront')).toThrow(
      `${start('lstm/recurrence_l0')}no recurrent layer here reads the output of another one${remedy}`,
    );
    expect(() => plan(lstm(8, { layers: 2, direction: 'bidirectional' }), 'wavefront')).toThrow(
      `${start('lstm/recurrence_l0')}'lstm/recurrence_l1' reads both directions of the layer below, and so ` +
        `their last steps before its first${remedy}`,
    );
    const [lower, upper] = [rnn(8), rnn(9)];
    const unequal = Object.assign((x: SymbolicTensor) => upper(lower(x)), {
      kind: 'unequal',
      config: { kind: 'unequal' },
    });
    expect(() => plan(unequal, 'wavefront')).toThrow(
      `${start('rnn/recurrence_l0')}'rnn_1/recurrence_l0' differs from 'rnn/recurrence_l0' in cell, hidden ` +
        `size or direction${remedy}`,
    );
  });
});

describe('planWaves', () => {
  const attributes = {
    cell: cells.gru.create({ reset: 'before' }),
    steps: 5,
    batch: 2,
    hiddenSize: 4,
  };
  const wavesOf = (options: Partial<Parameters<typeof planWaves>[1]>) =>
    planWaves(
      { ...attributes, reverse: false },
      { strategy: 'stepwise', tracks: 2, chunk: 2, walksBack: false, ...options },
    );

  it('covers every step and phase of every track once, a chunk behind the track before', () => {
    for (const walksBack of [false, true]) {
      const waves = wavesOf({ walksBack, reachesInitial: walksBack });
      expect(
        waves.map(({ ranges }) => ranges.map(({ track, first, count }) => [track, first, count])),
      ).toEqual([
        [[0, 0, 2]],
        [
          [0, 2, 2],
          [1, 0, 2],
        ],
        [
          [0, 4, 1],
          [1, 2, 2],
        ],
        [[1, 4, 1]],
      ]);
      for (const track of [0, 1]) {
        const done = waves
          .flatMap(({ spans }) => spans)
          .flatMap(({ firstPhase, endPhase, tracks }) =>
            tracks
              .filter((span) => span.track === track && span.count > 0)
              .map(({ first }) => [first, firstPhase, endPhase]),
          );
        const phases = walksBack
          ? [
              [1, 2],
              [0, 1],
            ]
          : [
              [0, 1],
              [1, 2],
            ];
        const steps = [0, 1, 2, 3, 4].flatMap((step) => phases.map((phase) => [step, ...phase]));
        expect(done).toEqual(walksBack ? [...steps, [5, 1, 2]] : steps);
      }
    }
  });

  it('sets the first state of each track once', () => {
    for (const strategy of ['persistent', 'stepwise'] as const) {
      for (const walksBack of [false, true]) {
        const started = wavesOf({ strategy, walksBack })
          .flatMap(({ spans }) => spans)
          .flatMap(({ tracks }) =>
            tracks.flatMap(({ track, prologue }) => (prologue ? [track] : [])),
          );
        expect(started).toEqual([0, 1]);
      }
    }
  });
});
