import { describe, expect, it } from 'vitest';
import { chooseMatmulShape, type MatmulSizes } from '../../../src/ops/matmul-shape.ts';
import { tuneMatmul } from '../../../src/ops/matmul-tunable.ts';
import { narrowLimits, wideLimits } from '../schedule/limits.ts';

/** What WebGPU reports of most GPUs, and the least that it promises. */
const roomy = { ...wideLimits, maxComputeWorkgroupStorageSize: 32_768 };
const least = wideLimits;

function chosen(limits: typeof roomy, m: number, n: number, k: number, canSplit = false) {
  const shape = chooseMatmulShape(limits, { m, n, k }, canSplit);
  const { rows, columns, lanesM, lanesN, slices, stageK, splitK } = shape;
  const form = stageK > 0 ? `${stageK} terms staged` : `${slices} slices`;
  const parts = splitK < k ? `, ${Math.ceil(k / splitK)} parts` : '';
  return `${rows}×${columns} sums, ${lanesM}×${lanesN} lanes, ${form}${parts}`;
}

describe('the shape of a product on a software adapter', () => {
  it('has few sums, which are soon built, but where the product is large', () => {
    expect(chosen(narrowLimits, 2048, 512, 128)).toBe('12×4 sums, 1×4 lanes, 1 slices');
    expect(chosen(narrowLimits, 2048, 1024, 256)).toBe('32×8 sums, 1×4 lanes, 1 slices');
  });

  it('has as many lanes as its vectors, and fewer rows where those are long', () => {
    const eight = { ...narrowLimits, laneWidth: 8, hasSubgroups: false };
    expect(chosen(eight, 2048, 512, 128)).toBe('16×8 sums, 1×8 lanes, 1 slices');
  });
});

describe('the shape of a product on a GPU', () => {
  it.for([
    ['a token’s logits', 1, 96, 256, '1×1 sums, 1×16 lanes, 16 slices'],
    ['… of many', 1, 10_000, 512, '1×2 sums, 1×16 lanes, 16 slices'],
    ['a few classes', 32, 10, 128, '1×1 sums, 1×16 lanes, 16 slices'],
    ['one output', 64, 1, 128, '1×1 sums, 1×8 lanes, 16 slices'],
    ['eight rows', 8, 10_000, 512, '4×4 sums, 1×16 lanes, 16 slices'],
    ['logits of a batch', 2048, 64, 128, '4×4 sums, 2×16 lanes, 8 slices'],
    ['… of more tokens', 2048, 96, 256, '4×4 sums, 16×8 lanes, 32 terms staged'],
    ['a layer’s inputs', 512, 2048, 512, '8×4 sums, 16×16 lanes, 16 terms staged'],
    ['a gradient of inputs', 2048, 256, 1024, '4×4 sums, 16×16 lanes, 32 terms staged'],
    [
      'so many that others run meanwhile',
      64,
      20_000,
      256,
      '4×4 sums, 16×16 lanes, 16 terms staged',
    ],
    ['short sums', 2048, 128, 10, '2×2 sums, 16×16 lanes, 1 slices'],
  ] as const)('%s', ([, m, n, k, expected]) => {
    expect(chosen(roomy, m, n, k)).toBe(expected);
  });

  it.for([
    [64, 128, 2048, '4×2 sums, 1×16 lanes, 16 slices, 4 parts'],
    [1024, 256, 2048, '8×4 sums, 16×16 lanes, 16 terms staged, 4 parts'],
    [256, 256, 1024, '4×4 sums, 16×8 lanes, 32 terms staged, 4 parts'],
    [512, 128, 512, '4×4 sums, 1×16 lanes, 16 slices'],
  ] as const)('cuts long sums into parts: %i × %i × %i', ([m, n, k, expected]) => {
    expect(chosen(roomy, m, n, k, true)).toBe(expected);
  });

  it('takes smaller tiles, or stages fewer terms, where workgroup memory is small', () => {
    expect(chosen(least, 512, 128, 512)).toBe('4×2 sums, 1×16 lanes, 16 slices');
    expect(chosen(least, 2048, 256, 1024)).toBe('4×4 sums, 16×16 lanes, 16 terms staged');
  });

  it('is one that may run, with and without parts', () => {
    const limits = [
      roomy,
      least,
      { ...least, maxComputeInvocationsPerWorkgroup: 128 },
      narrowLimits,
    ];
    const lengths = [1, 2, 3, 10, 31, 64, 100, 1000];
    for (const limit of limits) {
      for (const m of lengths) {
        for (const n of lengths) {
          for (const k of [...lengths, 5000]) {
            for (const canSplit of [false, true]) expectToRun(limit, { m, n, k }, canSplit);
          }
        }
      }
    }
  });
});

function expectToRun(limits: typeof roomy, sizes: MatmulSizes, canSplit: boolean): void {
  const shape = chooseMatmulShape(limits, sizes, canSplit);
  const subject = { ...sizes, canSplit, transposesA: false, transposesB: false };
  const { refuse } = tuneMatmul(limits, subject, shape);
  const refused = refuse(shape);
  if (refused) throw new Error(`${JSON.stringify({ ...sizes, shape })}: ${refused}`);
}
