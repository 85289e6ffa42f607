import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { ApiTime } from '../../../bench/api-time.ts';
import type { MatmulRates } from '../../../bench/best-matmul.ts';
import type { Limits } from '../../../bench/limits.ts';
import { writeMarkdown, writeSummary } from '../../../bench/markdown.ts';
import { compareWithWebgpu, makeReport } from '../../../bench/report.ts';
import { failedResult, medianOf, type Result } from '../../../bench/results.ts';
import { documents, fillIn } from '../../../bench/update-docs.ts';
import { countFlops, findWorkload, workloads } from '../../../bench/workloads.ts';

const workload = findWorkload('char-s');
const failed = failedResult(workload, 'tfjs-webgl', new Error('no context\nat …'));

function resultOf(peer: Result['peer'], medianMs: number): Result {
  return {
    ...failed,
    peer,
    medianMs,
    minMs: medianMs - 10,
    maxMs: medianMs + 10,
    firstMs: 900,
    dispatches: 19,
    gflops: countFlops(workload) / medianMs / 1e6,
    repetitions: 3,
    check: 'ok',
  };
}

const limits = { rolledGflops: 8, copyGBps: 12, dispatchUs: 12, roundTripMs: 0.3 } as Limits;
const best = { form: 'NN', m: 256, n: 256, k: 512, ms: 13.4, gflops: 5 } as MatmulRates['best'];
const step = { stepsPerSubmit: 16, medianMs: 0.08, apiMs: 0.06 } as ApiTime['steps'][number];
const report = makeReport(
  {
    name: 'chromium',
    machine: {
      runtime: 'Chrome/1',
      platform: 'Linux',
      processor: 'CPU',
      cores: 2,
      adapter: 'SwiftShader (software)',
      isSoftware: true,
    },
    limits: { ...limits, unrolledGflops: 40, storageLoadNs: 12 },
    matmul: { rates: [best], best, timedBy: 'timestamps' },
    apiTime: { workload: 'small', launches: 19, steps: [step] },
    repetitions: 3,
    budgetSeconds: 10,
    results: [resultOf('gatefold', 200), failed, resultOf('jax-webgpu', 1500)],
    leftOut: [{ workload: 'char-s', peer: 'ort-wasm', reason: 'it does not train' }],
    differences: ['One does otherwise.', 'One does otherwise.'],
  },
  [workload],
);

describe('a report', () => {
  it('has a result per peer with its adapter, and the floor', () => {
    expect(report.results.map(({ adapter }) => adapter)).toContain('SwiftShader (software)');
    // 906 MFLOP at 8 GFLOP/s, a dispatch and a round trip.
    expect(report.workloads[0]?.floorMs).toBeCloseTo(countFlops(workload) / 8e6 + 0.012 + 0.3, 6);
    expect(compareWithWebgpu(report.results, 'char-s')).toEqual({
      peer: 'jax-webgpu',
      factor: 7.5,
    });
    expect(failed).toMatchObject({ check: 'failed: no context', medianMs: null, compared: null });
    expect(medianOf([4, 1, 9, 2])).toBe(3);
  });

  it('is Markdown with times, ratio, shares of the limits and reasons', () => {
    const text = writeMarkdown([report]);
    expect(text).toContain('| **200** | failed | 1,500 | 114 | **7.5×** |');
    expect(text).toContain('| char-s | 906 | 200 ms | 114 ms | 1.8× | 4.53 | 91 % | 57 % |');
    expect(text).toContain(
      '| best own matmul: NN, 256×256, K 512 |  | 13.4 ms |  |  | 5.00 | 100 % | 63 % |',
    );
    const gauged = report.results.map((result) => ({ ...result, matmulGflops: 9.06 }));
    const beside = writeMarkdown([{ ...report, results: gauged }]);
    expect(beside).toContain('| 4.53 | 50 % | 57 % |');
    expect(beside).toContain('measured behind each of its repetitions');
    expect(text).toContain('- TensorFlow.js WebGL on char-s: failed: no context.');
    expect(text).toContain('- – for ONNX Runtime Wasm: it does not train.');
    expect(text).toContain('0.0800 ms at 16 a submit, of it 0.0600 ms in API calls');
    expect(text.match(/One does otherwise/g)).toHaveLength(1);
    expect(writeMarkdown([report, report], ['lavapipe.'])).toContain('NOT RUN: lavapipe.');
    expect(writeSummary(report)).toContain(
      '| **200 ms** | 1,500 ms, jax-js WebGPU | **7.5×** | 114 ms | 900 ms | 19.0 |',
    );
  });
});

describe('the FLOP of a workload', () => {
  it('are those of its matmuls: one-hot projections count none', () => {
    const all = Object.fromEntries(workloads.map((one) => [one.name, countFlops(one)]));
    const rows = 32 * 64;
    expect(all['char-s']).toBe(6 * rows * (4 * 128 * 128 + 64 * 128));
    expect(all['char-m']).toBe(6 * rows * (3 * 4 * 256 * 256 + 96 * 256));
    expect(all['infer-b1']).toBe(2 * 64 * 4 * 256 * (256 + 256));
  });
});

describe('the documents', () => {
  it.each(documents)('show the results that are there: %s', async (path) => {
    const text = await readFile(path, 'utf8');
    expect(text).toContain('<!-- bench: ');
    expect(await fillIn(text)).toBe(text);
  });
});
