import { describe, expect, it } from 'vitest';
import { activations, assemble, runInJavaScript, tiledMatmul } from './fixtures.ts';

const parts = { 'lib/activations': activations };

interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly k_unroll: number;
  readonly has_activation: boolean;
}

function product(code: string, { rows, columns, k_unroll }: Tile, groups: number): Float64Array {
  const sizes = { m: rows * groups, n: columns * groups, k: k_unroll * 3, scale: 0.5 };
  const wave = (length: number) => Float64Array.from({ length }, (_, i) => Math.sin(i * 1.7 + 1));
  const c = new Float64Array(sizes.m * sizes.n);
  const bindings = {
    sizes,
    a: wave(sizes.m * sizes.k),
    b: wave(sizes.k * sizes.n),
    bias: wave(sizes.n),
    c,
  };
  const all = Array.from({ length: groups * groups }, (_, at) => {
    return { x: at % groups, y: Math.floor(at / groups) };
  });
  runInJavaScript(code, bindings, all);
  return c;
}

describe('a register-tiled matrix product', () => {
  it.each<Tile>([
    { rows: 1, columns: 1, k_unroll: 1, has_activation: false },
    { rows: 3, columns: 2, k_unroll: 4, has_activation: true },
    { rows: 8, columns: 4, k_unroll: 16, has_activation: false },
  ])('computes the same with and without expansion: %j', (tile) => {
    const code = assemble(tiledMatmul, { ...tile }, { parts });
    const plain = (tiledMatmul + activations.source)
      .replace('rows: u32 = 4u', `rows: u32 = ${tile.rows}u`)
      .replace('columns: u32 = 2u', `columns: u32 = ${tile.columns}u`)
      .replace('k_unroll: u32 = 4u', `k_unroll: u32 = ${tile.k_unroll}u`)
      .replace('bool = false', `bool = ${tile.has_activation}`);
    const expected = product(plain, tile, 2);
    expect(expected.some((value) => value !== 0)).toBe(true);
    expect(product(code, tile, 2)).toEqual(expected);
  });

  it('holds its sums in scalars, one multiply-add each per k', () => {
    const tile = { rows: 4, columns: 3, k_unroll: 5, has_activation: true };
    const code = assemble(tiledMatmul, tile, { parts });
    expect(code.match(/^ *var acc_\d+ = f32\(\);$/gm)).toHaveLength(12);
    expect(code.match(/acc_\d+ \+= left_\d \* right;/g)).toHaveLength(12 * 5);
    expect(code.match(/\bfor\b/g)).toHaveLength(1);
    expect(code).not.toMatch(/array<f32, |unused|\bif\b|\/\//);
  });

  it('is expanded in milliseconds', () => {
    const tile = { rows: 8, columns: 4, k_unroll: 12, has_activation: false };
    const times = Array.from({ length: 20 }, () => {
      const start = performance.now();
      const lines = assemble(tiledMatmul, tile, { parts }).split('\n').length;
      expect(lines).toBeGreaterThan(900);
      return performance.now() - start;
    });
    // About 1 ms on a quiet machine; the bound leaves room for a busy one.
    expect(Math.min(...times)).toBeLessThan(10);
  });
});
