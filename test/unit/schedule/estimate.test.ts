import { describe, expect, it } from 'vitest';
import { estimatePlan } from '../../../src/schedule/estimate.ts';
import { type GpuFigures, gpuFigures } from '../../../src/schedule/estimate-gpus.ts';
import { explainPlan } from '../../../src/schedule/explain.ts';
import type { Launch, Plan } from '../../../src/schedule/plan.ts';
import { planLanguageModel } from './language-model.ts';

const gpu: GpuFigures = {
  name: 'made up',
  teraflops: 2,
  bandwidthGBps: 100,
  cores: 8,
  dispatchUs: 10,
};

function planOf(launches: readonly Partial<Launch>[]): Plan {
  const plan = planLanguageModel({ steps: 2, batch: 2, vocabulary: 3 });
  return {
    ...plan,
    launches: launches.map((launch) => ({ ...(plan.launches[0] as Launch), ...launch })),
  };
}

const cost = (flops: number, bytes: number) => ({
  flops,
  readBytes: bytes / 4,
  writtenBytes: (3 * bytes) / 4,
});

describe('estimatePlan', () => {
  it('takes the longer of arithmetic and memory for each launch, and the dispatches', () => {
    const plan = planOf([
      { cost: cost(4e9, 1e6), workgroups: [4, 4, 1] },
      { cost: cost(1e6, 2e8), workgroups: [8, 1, 1] },
    ]);
    const [estimate] = estimatePlan(plan, [gpu]);
    expect(estimate?.dispatchMs).toBeCloseTo(0.02, 12);
    expect(estimate?.totalMs).toBeCloseTo(2 + 2 + 0.02, 9);
  });

  it('uses no more cores than there are workgroups', () => {
    const ms = [1, 2, 8, 800].map((count) => {
      const plan = planOf([{ cost: cost(4e9, 0), workgroups: [1, count, 1] }]);
      return estimatePlan(plan, [{ ...gpu, dispatchUs: 0 }])[0]?.totalMs;
    });
    expect(ms).toEqual([16, 8, 2, 2]);
  });

  it('is part of explain(), marked as an estimate with what is assumed', () => {
    const lines = explainPlan(planLanguageModel({ steps: 16, batch: 16, vocabulary: 30 })).split(
      '\n',
    );
    const start = lines.findIndex((line) => line.includes('estimates'));
    expect(lines[start]).toMatch(
      /^ {2}estimates from public figures, not measured: each launch at /,
    );
    const estimates = lines.slice(start + 1, start + 1 + gpuFigures.length);
    for (const [index, { name }] of gpuFigures.entries()) {
      expect(estimates[index]).toMatch(
        new RegExp(
          `^    ${name}: [\\d.]+ ms \\(.* TFLOP/s, .* GB/s, .* cores; \\d+ µs a dispatch assumed\\)$`,
        ),
      );
    }
    expect(lines[start + 1 + gpuFigures.length]).not.toContain('assumed');
  });

  it('has figures that are peaks: clock, lanes and bandwidth of that order', () => {
    for (const { teraflops, bandwidthGBps, cores, dispatchUs } of gpuFigures) {
      const flopsPerByte = (1e3 * teraflops) / bandwidthGBps;
      expect(flopsPerByte).toBeGreaterThan(10);
      expect(flopsPerByte).toBeLessThan(60);
      expect((1e3 * teraflops) / cores).toBeGreaterThan(200);
      expect((1e3 * teraflops) / cores).toBeLessThan(600);
      expect(dispatchUs).toBeGreaterThan(1);
    }
  });
});
