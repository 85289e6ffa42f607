import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/random.ts';

describe('Random', () => {
  it.each([
    [0, 13],
    [1, 13],
    [3, 2],
    [6, 0],
    [2, 40],
  ])('after %i draws fills %i numbers as it would draw them one by one', (skipped, count) => {
    const [filling, drawing] = [new Random(7, 0xdead_beef), new Random(7, 0xdead_beef)];
    for (let i = 0; i < skipped; i++) expect(filling.uniform()).toBe(drawing.uniform());
    const filled = new Float32Array(count);
    filling.fillUniform(filled, 0.3);
    const drawn = Float32Array.from({ length: count }, () => (2 * drawing.uniform() - 1) * 0.3);
    expect(filled).toEqual(drawn);
    expect(filling.uniform()).toBe(drawing.uniform());
  });
});
