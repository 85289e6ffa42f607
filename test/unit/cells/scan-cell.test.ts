import { describe, expect, it } from 'vitest';
import { cells } from '../../../src/cells/registry.ts';
import { cellParts } from '../../../src/kernels/generated/parts.ts';
import { Random } from '../../../src/random.ts';
import { scanVariants } from '../../device-cases/core-variants.ts';

const σ = (value: number) => 1 / (1 + Math.exp(-value));

describe.each(scanVariants)('$name', ({ cell }) => {
  it('has the gradient that central differences give, for a and b each', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new Random(seed, 1);
      const x = Float64Array.from(cell.gates, () => 6 * random.uniform() - 3);
      const [da, db] = [0.7, -1.3];
      const lossAt = () => {
        const { a, b } = cell.coefficients(x);
        return da * a + db * b;
      };
      const got = cell.gradient(x, da, db);
      for (const [at, value] of x.entries()) {
        x[at] = value + 1e-6;
        const above = lossAt();
        x[at] = value - 1e-6;
        const below = lossAt();
        x[at] = value;
        expect(got[at], `seed ${seed}, gate ${at}`).toBeCloseTo((above - below) / 2e-6, 8);
      }
    }
  });

  it('keeps a in [0, 1] and is finite, however far its gates saturate', () => {
    for (const f of [-800, 0, 800]) {
      for (const i of [-800, 0, 800]) {
        const x = Float64Array.from(cell.gates, (_name, gate) => [f, i, 0.5][gate] as number);
        const { a, b } = cell.coefficients(x);
        expect(a).toBeGreaterThanOrEqual(0);
        expect(a).toBeLessThanOrEqual(1);
        expect(b).toSatisfy(Number.isFinite);
        expect(Array.from(cell.gradient(x, 1, 1)).every(Number.isFinite)).toBe(true);
      }
    }
  });

  it('declares in WGSL what it is in TypeScript', () => {
    const { name, source, constants } = cellParts[cell.shader] as (typeof cellParts)[string];
    expect(name).toBe(`scan-cells/${cell.shader}`);
    expect(source).toContain(`const gates: u32 = ${cell.gates.length}u;`);
    const places = cell.gates.map((gate, index) => `const ${gate.toUpperCase()}: u32 = ${index}u;`);
    for (const place of places) expect(source).toContain(place);
    const types = Object.entries(cell.constants).map(([key, value]) => {
      return [key, typeof value === 'boolean' ? 'bool' : 'f32'];
    });
    expect(constants).toEqual(Object.fromEntries(types));
    expect(cell.states).toEqual(['h']);
  });
});

describe('the minimal cells', () => {
  it('compute the formulas of the paper', () => {
    const gru = cells.minGru.create({}).coefficients(Float64Array.of(0.3, -0.8));
    expect(gru.a).toBeCloseTo(1 - σ(0.3), 14);
    expect(gru.b).toBeCloseTo(σ(0.3) * -0.8, 14);
    const g = cells.minGru.create({ candidate: 'positive' });
    expect(g.coefficients(Float64Array.of(0.3, -0.8)).b).toBeCloseTo(σ(0.3) * σ(-0.8), 14);
    expect(g.coefficients(Float64Array.of(0.3, 0.8)).b).toBeCloseTo(σ(0.3) * 1.3, 14);
    const lstm = cells.minLstm.create({}).coefficients(Float64Array.of(0.3, -0.4, 0.9));
    const [f, i] = [σ(0.3), σ(-0.4)];
    expect(lstm.a).toBeCloseTo(f / (f + i), 14);
    expect(lstm.b).toBeCloseTo((i / (f + i)) * 0.9, 14);
  });

  it('share the state between two gates that are both too small for their sum', () => {
    const { a, b } = cells.minLstm.create({}).coefficients(Float64Array.of(-800, -801, 2));
    expect(a).toBeCloseTo(σ(1), 14);
    expect(b).toBeCloseTo(2 * σ(-1), 14);
  });

  it('refuse unknown options and values by name', () => {
    expect(() => cells.minGru.create({ candidate: 'tanh' })).toThrow(
      "minGru: option candidate is \"tanh\", expected one of 'linear', 'positive'.",
    );
    expect(() => cells.minLstm.create({ peephole: true })).toThrow(
      "minLstm: unknown cell option 'peephole'; it knows candidate. Remove it.",
    );
  });
});
