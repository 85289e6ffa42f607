import { describe, expect, it } from 'vitest';
import { cells } from '../../../src/cells/registry.ts';
import type { PlanLimits, PlanStrategy } from '../../../src/graph/operator.ts';
import { input } from '../../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import { linear, oneHot } from '../../../src/layers/basic.ts';
import { minGru, minLstm } from '../../../src/layers/min-rnn.ts';
import { sequential } from '../../../src/layers/model.ts';
import { lstm, type RecurrentLayer } from '../../../src/layers/recurrent.ts';
import { concat } from '../../../src/ops/concat.ts';
import { differentiate } from '../../../src/ops/differentiate.ts';
import { sum } from '../../../src/ops/reduce.ts';
import { reshape } from '../../../src/ops/reshape.ts';
import { scan } from '../../../src/ops/scan.ts';
import { chooseScanShape, cutScan } from '../../../src/ops/scan-shape.ts';
import { softmaxCrossEntropy } from '../../../src/ops/softmax-cross-entropy.ts';
import { square } from '../../../src/ops/unary.ts';
import { layOutParameters } from '../../../src/schedule/parameter-layout.ts';
import type { Plan } from '../../../src/schedule/plan.ts';
import { schedule } from '../../../src/schedule/schedule.ts';
import { scanVariants } from '../../device-cases/core-variants.ts';
import { evaluate, gradientError } from '../../support/gradient-check.ts';
import { narrowLimits, wideLimits } from '../schedule/limits.ts';
import { parameterGradientError } from './parameter-check.ts';

const flatten = (tensor: SymbolicTensor) => reshape(tensor, [tensor.size]);

describe.each(scanVariants)('scan of $name', ({ cell }) => {
  const [steps, batch, hiddenSize] = [4, 2, 3];
  const run = (reverse: boolean, padded = false) =>
    scan(
      {
        projected: input('projected', [steps, batch, cell.gates.length * hiddenSize]),
        initial: input('initial', [1, batch, hiddenSize]),
        lengths: padded ? input('lengths', [batch], 'i32') : undefined,
      },
      { cell, reverse },
    );

  it.each([false, true])('reverse %s: all gradients, whatever is read', (reverse) => {
    const { output, final } = run(reverse);
    expect(gradientError(output)).toBeLessThan(1e-8);
    expect(gradientError(final)).toBeLessThan(1e-8);
    expect(gradientError(concat([flatten(output), flatten(final)]))).toBeLessThan(1e-8);
  });

  it.each([false, true])('reverse %s: padding changes nothing and gets no gradient', (reverse) => {
    const lengths = [2, 4];
    const { output, final } = run(reverse, true);
    const values = { lengths };
    expect(gradientError(output, { values })).toBeLessThan(1e-8);
    expect(gradientError(final, { values })).toBeLessThan(1e-8);
    // The first row by itself, without its padding.
    const [own, row] = [cell.gates.length * hiddenSize, cell.gates.length * hiddenSize * batch];
    const projected = Array.from({ length: steps * row }, (_none, at) => Math.sin(7 * at));
    const alone = projected.filter((_value, at) => at < 2 * row && at % row < own);
    const padded = projected.map((value, at) => (at >= 2 * row && at % row < own ? 3e38 : value));
    const initial = [1, 2, 3, 4, 5, 6];
    const short = scan(
      { projected: input('p', [2, 1, own]), initial: input('i', [1, 1, hiddenSize]) },
      { cell, reverse },
    );
    expect(evaluate(final, { projected: padded, initial, lengths }).slice(0, hiddenSize)).toEqual(
      evaluate(short.final, { p: alone, i: initial.slice(0, hiddenSize) }),
    );
  });

  it('in reverse is the forward walk over reversed time, and ends in its last state', () => {
    const width = batch * cell.gates.length * hiddenSize;
    const row = batch * hiddenSize;
    const values = Array.from({ length: steps * width }, (_none, index) => Math.sin(3 * index));
    const flip = (list: readonly number[], size: number) =>
      [3, 2, 1, 0].flatMap((t) => list.slice(t * size, (t + 1) * size));
    const forward = evaluate(run(false).output, { projected: flip(values, width) });
    expect(evaluate(run(true).output, { projected: values })).toEqual(flip(forward, row));
    expect(evaluate(run(true).final, { projected: values })).toEqual(forward.slice(-row));
  });
});

describe('scan', () => {
  const cell = cells.minGru.create({});
  const build = (projected: number[], initial: number[], lengths?: SymbolicTensor) =>
    scan(
      { projected: input('p', projected), initial: input('i', initial), lengths },
      { cell, reverse: false },
      'minGru/scan_l0',
    );

  it('computes a first-order recurrence', () => {
    const σ = (value: number) => 1 / (1 + Math.exp(-value));
    const { output } = build([2, 1, 2], [1, 1, 1]);
    const [first, second] = evaluate(output, { p: [0.5, 2, -1, 3], i: [4] }) as [number, number];
    expect(first).toBeCloseTo(σ(-0.5) * 4 + σ(0.5) * 2, 14);
    expect(second).toBeCloseTo(σ(1) * first + σ(-1) * 3, 14);
  });

  it('names the shapes that do not fit', () => {
    expect(() => build([3, 1, 7], [1, 1, 3])).toThrow(
      'minGru/scan_l0: projected input is [3, 1, 7], expected a last axis that is a multiple of 2 gates.',
    );
    expect(() => build([3, 1, 8], [2, 1, 4])).toThrow(
      'minGru/scan_l0: initial state is [2, 1, 4], expected [1, 1, 4]. The state is h.',
    );
    expect(() => build([3, 1, 8], [1, 1, 4], input('l', [2], 'i32'))).toThrow(
      'minGru/scan_l0: lengths are i32 [2], expected i32 [1]: the steps of each row that are not padding.',
    );
  });
});

const type = (steps: number) => ({ shape: [steps, 2], dtype: 'i32' }) as const;

function plan(
  layers: readonly RecurrentLayer[],
  strategy?: PlanStrategy | ReadonlyMap<string, 'stepwise'>,
  limits: PlanLimits = narrowLimits,
  steps = 5,
): Plan {
  const network = sequential([oneHot(4), ...layers, linear(4)]);
  const { outputs, parameters } = network.trace({ input: type(steps) });
  const entries = [...parameters.values()];
  const loss = sum(square(outputs.output as SymbolicTensor));
  const found = differentiate(
    loss,
    entries.map(({ tensor }) => tensor),
  );
  const gradients = new Map(
    entries.map(({ parameter }, index) => [parameter.name, found[index] as SymbolicTensor]),
  );
  return schedule(
    {
      name: 'case',
      parameters: layOutParameters(entries.map(({ parameter }) => parameter)),
      outputs: new Map([['loss', loss]]),
      gradients,
    },
    { limits, ...(strategy && { strategy }) },
  );
}

const scansOf = ({ launches }: Plan) =>
  launches.filter(({ kernel }) => kernel.startsWith('scan-')).map(({ label }) => label);

describe('layers whose steps are a scan', () => {
  it('have input weights only, and gradients of all of them', () => {
    const layer = minLstm(3, { layers: 2, direction: 'bidirectional', forgetBias: 1 });
    const network = sequential([oneHot(4), layer, linear(4)]);
    const traced = network.trace({ input: type(3), target: type(3) });
    expect([...traced.parameters.keys()].slice(0, 4)).toEqual([
      'minLstm.weight_ih_l0',
      'minLstm.bias_ih_l0',
      'minLstm.weight_ih_l0_reverse',
      'minLstm.bias_ih_l0_reverse',
    ]);
    expect(traced.parameters.get('minLstm.weight_ih_l1')?.parameter.shape).toEqual([9, 6]);
    const loss = softmaxCrossEntropy(
      traced.outputs.output as SymbolicTensor,
      traced.inputs.target as SymbolicTensor,
    );
    const inputs = new Map([
      ['input', Int32Array.of(0, 3, 1, 1, 2, 0)],
      ['target', Int32Array.of(3, 1, 1, 2, 0, 0)],
    ]);
    expect(parameterGradientError(loss, { inputs })).toBeLessThan(1e-7);
  });

  it('refuse options of recurrent weights', () => {
    const options = { recurrentInitializer: 'orthogonal' };
    expect(() => minGru(4, options as object)).toThrow(
      "minGru: unknown option 'recurrentInitializer', expected one of name, layers, direction, merge, " +
        'residual, bias, dropout, inputDropout, candidate.',
    );
    expect(() => minGru(4, { forgetBias: 1 } as object)).toThrow(
      "minGru: unknown option 'forgetBias'",
    );
  });

  it('take a dispatch each way and direction, whatever the number of steps', () => {
    for (const limits of [narrowLimits, wideLimits]) {
      for (const steps of [1, 5, 5000]) {
        const layer = minGru(6, { direction: 'bidirectional' });
        expect(scansOf(plan([layer], new Map(), limits, steps))).toEqual([
          'minGru/scan_l0',
          'minGru/scan_l0_reverse',
          'minGru/scan_l0.gradient',
          'minGru/scan_l0_reverse.gradient',
        ]);
      }
    }
  });

  it('are explained', () => {
    const { decisions } = plan([minGru(6)], new Map(), wideLimits, 50);
    expect(decisions[0]).toEqual({
      node: 'minGru/scan_l0',
      choice: 'scan, 8 threads of 4 steps each along time, 32 lanes',
      reason: '12 sequences leave a GPU threads for time',
    });
  });

  it('refuse a strategy that could only be ignored', () => {
    const remedy =
      ' says how to walk through time, but this cell has no recurrent weights: all its time steps are one ' +
      'scan. Leave the strategy to the scheduler.';
    for (const strategy of ['stepwise', 'persistent', 'wavefront'] as const) {
      expect(() => plan([minGru(6, { layers: 2 })], strategy)).toThrow(
        `minGru/scan_l0: strategy '${strategy}'${remedy}`,
      );
    }
    const byName = new Map([['minGru/scan_l0', 'stepwise'] as const]);
    expect(() => plan([minGru(6), lstm(3)], byName)).toThrow(
      `minGru/scan_l0: strategy 'stepwise'${remedy}`,
    );
    const mixed = plan([minGru(6), lstm(3)], 'stepwise');
    expect(mixed.decisions.map(({ choice }) => choice.split(',')[0])).toEqual([
      'scan',
      'stepwise',
      'stepwise',
      'scan',
    ]);
    expect(plan([minGru(6)], 'resident').resident).toBeDefined();
  });
});

describe('the shape of a scan', () => {
  const shapeOf = (limits: PlanLimits, steps: number, batch: number, hiddenSize: number) => {
    const { lanes, chunks, chunkSteps } = chooseScanShape(limits, { steps, batch, hiddenSize });
    return [lanes, chunks, chunkSteps];
  };

  it('brings threads along time to a GPU that sequences leave idle', () => {
    expect(shapeOf(wideLimits, 1000, 16, 128)).toEqual([32, 8, 4]);
    expect(shapeOf(wideLimits, 10, 16, 128)).toEqual([32, 3, 4]);
    expect(shapeOf(wideLimits, 2, 16, 128)).toEqual([64, 1, 2]);
    expect(shapeOf(wideLimits, 1000, 256, 512)).toEqual([64, 1, 4]);
    expect(shapeOf(narrowLimits, 1000, 16, 128)).toEqual([16, 1, 1]);
    expect(shapeOf({ ...wideLimits, residentLanes: 64 }, 9, 1, 8)).toEqual([64, 1, 1]);
  });

  it('cuts a scan into dispatches that end in time, and covers every step once', () => {
    const shape = { lanes: 16, chunks: 1, chunkSteps: 1 };
    const size = { steps: 100_000, batch: 1, hiddenSize: 8 };
    expect(cutScan({ ...size, steps: 30_000 }, shape)).toEqual([{ first: 0, end: 30_000 }]);
    expect(cutScan(size, shape).map(({ end }) => end)).toEqual([32_768, 65_536, 98_304, 100_000]);
    expect(cutScan(size, { lanes: 32, chunks: 8, chunkSteps: 4 })).toHaveLength(1);
    const large = { steps: 5, batch: 2 ** 13, hiddenSize: 2 ** 12 };
    expect(cutScan(large, shape)).toEqual([
      { first: 0, end: 2 },
      { first: 2, end: 4 },
      { first: 4, end: 5 },
    ]);
  });
});
