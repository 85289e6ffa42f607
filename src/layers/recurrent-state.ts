import type { Cell } from '../cells/cell.ts';
import type { CellName } from '../cells/registry.ts';
import type { ScanCell } from '../cells/scan-cell.ts';
import { ShapeError } from '../errors.ts';
import { fill } from '../graph/sources.ts';
import { formatShape, type SymbolicTensor } from '../graph/tensor.ts';
import { concat } from '../ops/concat.ts';
import { reshape } from '../ops/reshape.ts';
import { sliceColumns, sliceTime } from '../ops/slice.ts';
import type { Trace } from './trace.ts';

/** States of all layers and directions by name, each [layers·directions, B, H]: `h`, and `c` for an LSTM. */
export type RecurrentState = Readonly<Record<string, SymbolicTensor>>;

/** What the states of a stack of layers are: of which cell, how many, and how wide. */
export interface StatesOfStack {
  readonly cell: Cell | ScanCell;
  readonly kind: CellName;
  readonly hiddenSize: number;
  /** Size of h: that of the projection where there is one. */
  readonly stateSize: number;
  readonly layers: number;
  /** Whether each direction runs backwards. */
  readonly directions: readonly boolean[];
}

/** Units of a state that the outside sees: a projection leaves the rest of h zero. */
export function sizeOfState({ hiddenSize, stateSize }: StatesOfStack, index: number): number {
  return index === 0 ? stateSize : hiddenSize;
}

/** @throws {ShapeError} for states that the stack does not have, and for other shapes. */
export function checkState(
  name: string,
  stack: StatesOfStack,
  batch: number,
  given: RecurrentState,
): void {
  for (const [key, tensor] of Object.entries(given)) {
    if (!stack.cell.states.includes(key)) {
      throw new ShapeError(
        `${name}: got a state '${key}', a ${stack.kind} has ${stack.cell.states.join(', ')}.`,
      );
    }
    const size = sizeOfState(stack, stack.cell.states.indexOf(key));
    const expected = [stack.layers * stack.directions.length, batch, size];
    if (tensor.shape.join() !== expected.join()) {
      throw new ShapeError(
        `${name}: state ${key} is ${formatShape(tensor.shape)}, expected ${formatShape(expected)}: ` +
          '[layers·directions, batch, hiddenSize].',
      );
    }
  }
}

/** [states, B, H] that one layer and direction starts from. */
export function initialOf(
  trace: Trace,
  name: string,
  suffix: string,
  stack: StatesOfStack,
  batch: number,
  given: RecurrentState,
  row: number,
): SymbolicTensor {
  const { cell, hiddenSize } = stack;
  const shape = [cell.states.length, batch, hiddenSize];
  if (Object.keys(given).length === 0) return trace.initialState(`${name}.${suffix}`, shape);
  const label = `${name}/initial_${suffix}`;
  const parts = cell.states.map((key, index) => {
    const all = given[key];
    if (!all) return fill([batch * hiddenSize], 0, `${label}.${key}.zero`);
    const own = all.shape[0] === 1 ? all : sliceTime(all, row, row + 1, `${label}.${key}`);
    const missing = hiddenSize - sizeOfState(stack, index);
    const rest = fill([1, batch, missing || 1], 0, `${label}.${key}.rest`);
    const wide = missing > 0 ? concat([own, rest], `${label}.${key}.wide`) : own;
    return reshape(wide, [batch * hiddenSize], `${label}.${key}.flat`);
  });
  const flat = parts.length > 1 ? concat(parts, label) : (parts[0] as SymbolicTensor);
  return reshape(flat, shape, `${label}.states`);
}

/** Final states by name, [layers·directions, B, H], from each layer's [states, B, H]. */
export function collectStates(
  name: string,
  stack: StatesOfStack,
  finals: readonly SymbolicTensor[],
): RecurrentState {
  const { cell, hiddenSize } = stack;
  return Object.fromEntries(
    cell.states.map((key, s) => {
      const label = `${name}/final.${key}`;
      const batch = finals[0]?.shape[1] as number;
      const size = sizeOfState(stack, s);
      const rows = finals.map((final, index) => {
        const whole =
          cell.states.length === 1 ? final : sliceTime(final, s, s + 1, `${label}.slice_${index}`);
        const own =
          size < hiddenSize ? sliceColumns(whole, 0, size, `${label}.columns_${index}`) : whole;
        return reshape(own, [batch * size], `${label}.flat_${index}`);
      });
      const flat = rows.length > 1 ? concat(rows, label) : (rows[0] as SymbolicTensor);
      return [key, reshape(flat, [finals.length, batch, size], `${label}.states`)];
    }),
  );
}
