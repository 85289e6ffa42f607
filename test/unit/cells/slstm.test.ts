import { describe, expect, it } from 'vitest';
import type { Cell } from '../../../src/cells/cell.ts';
import { cells } from '../../../src/cells/registry.ts';
import { Random } from '../../../src/random.ts';

const [Z, I, F, O] = [0, 1, 2, 3] as const;
const σ = (value: number) => 1 / (1 + Math.exp(-value));
type Choice = 'sigmoid' | 'exponential';

/** Inputs of some steps of one unit, without recurrent weights: [z, i, f, o] each. */
function drawInputs(steps: number, scale: number, seed = 1): Float64Array[] {
  const random = new Random(seed, 1);
  const draw = () => scale * (2 * random.uniform() - 1);
  return Array.from({ length: steps }, () => Float64Array.from({ length: 4 }, draw));
}

interface Kept {
  readonly saved: Float64Array;
  readonly state: Float64Array;
  readonly next: Float64Array;
}

function walk(cell: Cell, inputs: readonly Float64Array[], start = [0, 0, 0, 0]): Kept[] {
  let state = Float64Array.from(start);
  return inputs.map((x) => {
    const step = {
      x,
      u: new Float64Array(4),
      state,
      saved: new Float64Array(5),
      next: new Float64Array(4),
      vector: 0,
      parameters: new Float64Array(0),
    };
    cell.forward(0, step);
    state = step.next;
    return step;
  });
}

/** Gradients of Σ weight·h over the steps, by a backward step of either kind. */
function gradientsOf(kept: readonly Kept[], backward: typeof exactBackward): Float64Array[] {
  let dNext = new Float64Array(4);
  return kept
    .toReversed()
    .map((step, index) => {
      dNext[0] = Math.cos(3 * (kept.length - 1 - index));
      const { dx, dState } = backward(step, dNext);
      dNext = dState;
      return dx;
    })
    .toReversed();
}

function exactBackward({ saved, state, next }: Kept, dNext: Float64Array) {
  const gradient = {
    saved,
    state,
    next,
    dNext,
    dVector: 0,
    dx: new Float64Array(4),
    du: new Float64Array(4),
    dState: new Float64Array(4),
    parameters: new Float64Array(0),
    dParameters: new Float64Array(0),
  };
  cells.slstm.create({}).backward(0, gradient);
  return gradient;
}

/** m as a number that nothing depends on: exp(i~ - m') and exp(log f + m - m') vary in i~ and f~ only. */
function constantBackward({ saved, state, next }: Kept, dNext: Float64Array) {
  const [z, i, f, o, slope] = saved as unknown as [number, number, number, number, number];
  const [, c, n] = state as unknown as [number, number, number];
  const [, cNext, nNext] = next as unknown as [number, number, number];
  const [dh, dcNext, dnNext] = dNext as unknown as [number, number, number];
  const dc = dcNext + (dh * o) / nNext;
  const dn = dnNext - (dh * o * cNext) / nNext ** 2;
  const dx = Float64Array.of(
    dc * i * (1 - z * z),
    (dc * z + dn) * i,
    (dc * c + dn * n) * f * slope,
    ((dh * cNext) / nNext) * o * (1 - o),
  );
  return { dx, dState: Float64Array.of(0, dc * f, dn * f, 0) };
}

describe('the sLSTM', () => {
  it.each(['sigmoid', 'exponential'] as Choice[])(
    'computes the formulas without a stabiliser, forget gate %s',
    (forget) => {
      const inputs = drawInputs(12, 2);
      const kept = walk(cells.slstm.create({ forget }), inputs);
      let [c, n] = [0, 0];
      for (const [t, x] of inputs.entries()) {
        const [z, i, f, o] = x as unknown as [number, number, number, number];
        const keep = forget === 'sigmoid' ? σ(f) : Math.exp(f);
        c = keep * c + Math.exp(i) * Math.tanh(z);
        n = keep * n + Math.exp(i);
        const { next } = kept[t] as Kept;
        const scale = Math.exp(next[3] as number);
        expect(next[0]).toBeCloseTo((σ(o) * c) / n, 12);
        expect((next[1] as number) * scale).toBeCloseTo(c, 8);
        expect((next[2] as number) * scale).toBeCloseTo(n, 8);
      }
    },
  );

  it('gives the same h for any m that stands for the same c and n', () => {
    const cell = cells.slstm.create({});
    const inputs = drawInputs(8, 3);
    const [c, n] = [0.4, 1.5];
    const runs = [-5, 0, 7].map((m) =>
      walk(cell, inputs, [0, c * Math.exp(-m), n * Math.exp(-m), m]).map(({ next }) => next[0]),
    );
    for (const run of runs) {
      for (const [t, h] of run.entries()) expect(h).toBeCloseTo(runs[0]?.[t] as number, 12);
    }
  });

  it('has the gradients that it has with m as a constant, where only h is read', () => {
    // Both gates lead in some step.
    const kept = walk(cells.slstm.create({}), drawInputs(40, 3));
    expect(new Set(kept.map(({ saved }) => saved[F] === 1)).size).toBe(2);
    const [exact, constant] = [exactBackward, constantBackward].map((backward) =>
      gradientsOf(kept, backward as typeof exactBackward),
    ) as [Float64Array[], Float64Array[]];
    let largest = 0;
    for (const [t, dx] of exact.entries()) {
      for (const gate of [Z, I, F, O]) {
        const other = constant[t]?.[gate] as number;
        largest = Math.max(largest, Math.abs(other));
        expect(Math.abs((dx[gate] as number) - other), `step ${t}, gate ${gate}`).toBeLessThan(
          1e-13,
        );
      }
    }
    expect(largest).toBeGreaterThan(0.1);
  });

  it('starts from zeros, whatever the first gates are, and stays finite', () => {
    for (const forget of ['sigmoid', 'exponential'] as Choice[]) {
      const cell = cells.slstm.create({ forget });
      for (const i of [-1000, 0, 1000]) {
        for (const f of [-1000, 0, 1000]) {
          const inputs = [Float64Array.of(0.7, i, f, 0.2), ...drawInputs(4, 800)];
          const kept = walk(cell, inputs);
          expect(kept[0]?.next[0]).toBeCloseTo(σ(0.2) * Math.tanh(0.7), 14);
          for (const { next } of kept) expect([...next].every(Number.isFinite)).toBe(true);
          for (const dx of gradientsOf(kept, exactBackward)) {
            expect([...dx].every(Number.isFinite)).toBe(true);
          }
        }
      }
    }
  });

  it('keeps h among the candidates for thousands of steps', () => {
    for (const forget of ['sigmoid', 'exponential'] as Choice[]) {
      for (const { next } of walk(cells.slstm.create({ forget }), drawInputs(5000, 4))) {
        expect(Math.abs(next[0] as number)).toBeLessThanOrEqual(1);
        expect(next[2]).toBeGreaterThanOrEqual(1 - 1e-12);
      }
    }
  });

  it('refuses values by name', () => {
    expect(() => cells.slstm.create({ forget: 'exp' })).toThrow(
      "slstm: option forget is \"exp\", expected one of 'sigmoid', 'exponential'.",
    );
  });
});
