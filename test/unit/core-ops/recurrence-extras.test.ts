import { describe, expect, it } from 'vitest';
import { fill, input } from '../../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import { concat } from '../../../src/ops/concat.ts';
import { dropout } from '../../../src/ops/dropout.ts';
import { maskTime } from '../../../src/ops/mask-time.ts';
import { recurrence } from '../../../src/ops/recurrence.ts';
import { type RecurrenceExtra, recurrenceExtras } from '../../../src/ops/recurrence-extras.ts';
import { reshape } from '../../../src/ops/reshape.ts';
import {
  type CellVariant,
  cellOptionVariants,
  cellVariants,
  liftStates,
} from '../../device-cases/core-variants.ts';
import { evaluate, gradientError } from '../../support/gradient-check.ts';

const [steps, batch, hiddenSize] = [4, 3, 2];
const flatten = (tensor: SymbolicTensor) => reshape(tensor, [tensor.size]);
/** Lengths, and states to start from that the cell can have. */
const valuesOf = ({ cell }: CellVariant) => {
  const size = cell.states.length * batch * hiddenSize;
  const drawn = Float64Array.from({ length: size }, (_none, at) => 2 * Math.cos(5 * at));
  return { lengths: [4, 0, 2], initial: liftStates(cell, drawn) };
};

/** 0 or 1, half of them each. */
const coins = (shape: readonly number[]) =>
  dropout(fill(shape, 0.5), { rate: 0.5, stream: shape.length });

function run({ cell }: CellVariant, extras: readonly RecurrenceExtra[], reverse = false) {
  const rows = cell.gates.length * hiddenSize;
  const states = cell.states.length;
  const given = {
    lengths: input('lengths', [batch], 'i32'),
    mask: coins([batch, hiddenSize]),
    zoneout: coins([states, steps, batch, hiddenSize]),
  };
  return recurrence(
    {
      projected: input('projected', [steps, batch, cell.inputGates * hiddenSize]),
      ...(cell.multiplies && { weight: input('weight', [rows, hiddenSize]) }),
      initial: input('initial', [states, batch, hiddenSize]),
      bias: input('bias', [rows + cell.parameters.length * hiddenSize]),
      extras: Object.fromEntries(extras.map((name) => [name, given[name]])),
    },
    { cell, reverse },
  );
}

/** Output without padding, and final states. */
function build(variant: CellVariant, extras: readonly RecurrenceExtra[], reverse = false) {
  const { output, final } = run(variant, extras, reverse);
  return concat([flatten(output), flatten(final)]);
}

function fits({ cell }: CellVariant, name: RecurrenceExtra): boolean {
  if (name === 'mask') return cell.multiplies;
  return name !== 'zoneout' || cell.allowsZoneout;
}

describe.each(cellVariants)('recurrence of $name', (variant) => {
  for (const name of recurrenceExtras.filter((extra) => fits(variant, extra))) {
    it.each([false, true])(`with ${name}, reverse %s: all gradients`, (reverse) => {
      expect(
        gradientError(build(variant, [name], reverse), { values: valuesOf(variant) }),
      ).toBeLessThan(1e-7);
    });
  }

  it('with all that it can be given: all gradients', () => {
    const extras = recurrenceExtras.filter((extra) => fits(variant, extra));
    const values = valuesOf(variant);
    expect(gradientError(build(variant, extras), { values })).toBeLessThan(1e-7);
  });
});

describe.each(cellOptionVariants)('recurrence of $name', (variant) => {
  it('has all gradients', () => {
    expect(gradientError(build(variant, []))).toBeLessThan(1e-6);
    expect(
      gradientError(build(variant, ['lengths'], true), { values: valuesOf(variant) }),
    ).toBeLessThan(1e-6);
  });
});

describe('lengths', () => {
  const variant = cellVariants.find(({ kind }) => kind === 'lstm') as CellVariant;
  const width = variant.cell.inputGates * hiddenSize;
  const numbers = Array.from({ length: steps * batch * width }, (_none, index) => Math.sin(index));
  const padded = numbers.map((value, index) => {
    const row = Math.floor(index / width);
    const isPadding = Math.floor(row / batch) >= (valuesOf(variant).lengths[row % batch] as number);
    return isPadding ? 3e38 : value;
  });

  it.each([false, true])('hide whatever the padding holds, reverse %s', (reverse) => {
    const all = (projected: number[]) =>
      evaluate(build(variant, ['lengths'], reverse), { ...valuesOf(variant), projected });
    expect(all(padded)).toEqual(all(numbers));
  });

  it('leave the initial state to a row without steps, and the state at its end to the others', () => {
    const given = { ...valuesOf(variant), projected: numbers };
    const { output, final } = run(variant, ['lengths']);
    const [y, states] = [evaluate(output, given), evaluate(final, given)];
    const initial = [...given.initial];
    const rowOf = (list: number[], row: number) =>
      list.slice(row * hiddenSize, (row + 1) * hiddenSize);
    expect(rowOf(states, 1)).toEqual(rowOf(initial, 1));
    expect(rowOf(states, 2)).toEqual(rowOf(y, 1 * batch + 2));
    expect(rowOf(states, 0)).toEqual(rowOf(y, 3 * batch));
  });

  it('give the mean of longer and shorter walks nothing: each row is as if it were alone', () => {
    const { output } = run(variant, ['lengths']);
    const short = evaluate(output, { lengths: [2, 2, 2], projected: numbers });
    const long = evaluate(output, { lengths: [4, 4, 4], projected: numbers });
    expect(short.slice(0, 2 * batch * hiddenSize)).toEqual(long.slice(0, 2 * batch * hiddenSize));
  });
});

describe('maskTime', () => {
  const x = input('x', [3, 2, 2]);
  const lengths = input('lengths', [2], 'i32');

  it('sets padding to zero, NaN as well, and has the right gradient', () => {
    const given = { lengths: [2, 0], x: [1, 2, NaN, 4, 5, 6, 7, 8, Infinity, 10, 11, 12] };
    expect(evaluate(maskTime(x, lengths), given)).toEqual([1, 2, 0, 0, 5, 6, 0, 0, 0, 0, 0, 0]);
    expect(gradientError(maskTime(x, lengths), { values: { lengths: [2, 1] } })).toBeLessThan(1e-8);
  });

  it('names the shapes that do not fit', () => {
    expect(() => maskTime(x, input('lengths', [3], 'i32'), 'm')).toThrow(
      'm: input is [3, 2, 2] and lengths are i32 [3], expected [T, B, …] and i32 [B].',
    );
  });
});
