import { describe, expect, it } from 'vitest';
import type { TypedLaunch } from '../../../src/kernels/launch.ts';
import { lstm } from '../../../src/layers/recurrent.ts';
import type { Plan } from '../../../src/schedule/plan.ts';
import { sharePipelines } from '../../../src/schedule/share-pipelines.ts';
import { planLanguageModel } from './language-model.ts';
import { narrowLimits, wideLimits } from './limits.ts';

const launch = (
  kernel: string,
  constants: TypedLaunch<string>['constants'],
  accepts: TypedLaunch<string>['accepts'] = [],
) => ({
  ...{ label: 'case', kernel, constants, bindings: {}, workgroups: [1, 1, 1] as const, accepts },
  cost: { flops: 0, readBytes: 0, writtenBytes: 0 },
});

const pipelinesOf = (plan: Plan, kernel: string): number =>
  new Set(
    plan.launches
      .filter((launch) => launch.kernel === kernel)
      .map(({ constants }) => JSON.stringify(constants)),
  ).size;

describe('sharePipelines', () => {
  it('gives a launch the constants of another one that it accepts', () => {
    const [first, second] = sharePipelines([
      launch('matmul', { rows: 8, sums: false }, [{ constants: { sums: true } }]),
      launch('matmul', { rows: 8, sums: true }),
    ]);
    expect(first?.constants).toEqual({ rows: 8, sums: true });
    expect(second?.constants).toEqual({ rows: 8, sums: true });
    expect(first).not.toHaveProperty('accepts');
  });

  it('takes the first alternative that another one has, with its grid', () => {
    const tile = { constants: { rows: 24 }, workgroups: [2, 1, 1] as const };
    const [first] = sharePipelines([
      launch('matmul', { rows: 12, sums: false }, [
        { ...tile, constants: { rows: 24, sums: true } },
        tile,
        { constants: { sums: true } },
      ]),
      launch('matmul', { rows: 24, sums: false }),
      launch('matmul', { rows: 12, sums: true }),
    ]);
    expect(first?.constants).toEqual({ rows: 24, sums: false });
    expect(first?.workgroups).toEqual([2, 1, 1]);
  });

  it('puts behind a launch what it leaves out with the constants of another one', () => {
    const follower = launch('sum-columns', {});
    const launches = [
      launch('matmul', { rows: 12, sums: true }, [
        { constants: { rows: 24, sums: false }, followers: () => [follower] },
      ]),
      launch('matmul', { rows: 24, sums: false }),
    ];
    const kernels = sharePipelines(launches).map(({ kernel }) => kernel);
    expect(kernels).toEqual(['matmul', 'sum-columns', 'matmul']);
    const alone = sharePipelines(launches.slice(0, 1)).map(({ kernel }) => kernel);
    expect(alone).toEqual(['matmul']);
  });

  it('leaves a launch as it is where no other one has these constants', () => {
    const launches = [
      launch('matmul', { rows: 8, sums: false }, [{ constants: { sums: true } }]),
      launch('matmul', { rows: 4, sums: true }),
      launch('binary', { rows: 8, sums: true }),
    ];
    expect(sharePipelines(launches).map(({ constants }) => constants)).toEqual(
      launches.map(({ constants }) => constants),
    );
  });
});

describe('a stacked language model', () => {
  const size = { steps: 64, batch: 32, vocabulary: 64, layer: lstm(128, { layers: 2 }) };

  it('has one pipeline for all products and one for the layers on a narrow adapter', () => {
    const plan = planLanguageModel(size, { limits: narrowLimits });
    expect(pipelinesOf(plan, 'recurrence-forward')).toBe(1);
    expect(pipelinesOf(plan, 'matmul')).toBe(1);
  });

  it('has one pipeline for small products and large ones', () => {
    const large = { ...size, layer: lstm(256, { layers: 2 }) };
    const plan = planLanguageModel(large, { limits: narrowLimits });
    expect(pipelinesOf(plan, 'matmul')).toBe(1);
    const logits = plan.launches.find(({ label }) => label === 'linear');
    expect(logits?.constants).toMatchObject({ rows: 32, columns: 8 });
    expect(logits?.workgroups).toEqual([2, 64, 1]);
  });

  it('has one pipeline for all sums of columns beside large products', () => {
    const large = { ...size, layer: lstm(256, { layers: 2 }) };
    const plan = planLanguageModel(large, { limits: narrowLimits });
    expect(pipelinesOf(plan, 'sum-columns')).toBe(1);
    // Of each bias but that of the embedded tokens, in two launches.
    const sums = plan.launches.filter(({ kernel }) => kernel === 'sum-columns');
    expect(sums.map(({ label }) => label.replace('.parts', ''))).toEqual(
      ['lstm/recurrence_l0', 'lstm/project_l1', 'lstm/recurrence_l1', 'linear'].flatMap((of) => {
        const label = `${of}.d_weight${of.includes('recurrence') ? '_hh' : ''}.sums`;
        return [label, label];
      }),
    );
  });

  it('has one pipeline for layers that hold the weights of one row', () => {
    const plan = planLanguageModel({ ...size, batch: 1 }, { limits: narrowLimits });
    const forward = plan.launches.filter(({ kernel }) => kernel === 'recurrence-forward');
    expect(forward.map(({ constants: { held_quads, gathers } }) => [held_quads, gathers])).toEqual([
      [8, true],
      [8, true],
    ]);
    expect(pipelinesOf(plan, 'recurrence-forward')).toBe(1);
  });

  it('sums nothing that nobody reads on a GPU', () => {
    const { launches } = planLanguageModel(size, { limits: wideLimits });
    const summing = launches.filter(({ constants }) => constants.sums_columns === true);
    expect(summing.length).toBeGreaterThan(0);
    for (const { label } of summing) expect(label).toMatch(/d_weight/);
  });
});
