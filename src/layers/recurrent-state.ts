import type { Cell } from '../cells/cell.ts';
import type { CellName } from '../cells/registry.ts';
import { ShapeError } from '../errors.ts';
import { fill } from '../graph/sources.ts';
import { formatShape, type SymbolicTensor } from '../graph/tensor.ts';
import { concat } from '../ops/concat.ts';
import { reshape } from '../ops/reshape.ts';
import { sliceTime } from '../ops/slice.ts';
import type { Trace } from './trace.ts';

/** States of all layers and directions by name, each [layers·directions, B, H]: `h`, and `c` for an LSTM. */
export type RecurrentState = Readonly<Record<string, SymbolicTensor>>;

/** What the states of a stack of layers are: of which cell, how many, and how wide. */
export interface StatesOfStack {
  readonly cell: Cell;
  readonly kind: CellName;
  readonly hiddenSize: number;
  readonly layers: number;
  /** Whether each direction runs backwards. */
  readonly directions: readonly boolean[];
}

/** @throws {ShapeError} for states that the stack does not have, and for other shapes. */
export function checkState(
  name: string,
  stack: StatesOfStack,
  batch: number,
  given: RecurrentState,
): void {
  const expected = [stack.layers * stack.directions.length, batch, stack.hiddenSize];
  for (const [key, tensor] of Object.entries(given)) {
    if (!stack.cell.states.includes(key)) {
      throw new ShapeError(
        `${name}: got a state '${key}', a ${stack.kind} has ${stack.cell.states.join(', ')}.`,
      );
    }
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
  { cell, hiddenSize }: StatesOfStack,
  batch: number,
  given: RecurrentState,
  row: number,
): SymbolicTensor {
  const shape = [cell.states.length, batch, hiddenSize];
  if (Object.keys(given).length === 0) return trace.initialState(`${name}.${suffix}`, shape);
  const label = `${name}/initial_${suffix}`;
  const parts = cell.states.map((key) => {
    const all = given[key];
    if (!all) return fill([batch * hiddenSize], 0, `${label}.${key}.zero`);
    const own = all.shape[0] === 1 ? all : sliceTime(all, row, row + 1, `${label}.${key}`);
    return reshape(own, [batch * hiddenSize], `${label}.${key}.flat`);
  });
  const flat = parts.length > 1 ? concat(parts, label) : (parts[0] as SymbolicTensor);
  return reshape(flat, shape, `${label}.states`);
}

/** Final states by name, [layers·directions, B, H], from each layer's [states, B, H]. */
export function collectStates(
  name: string,
  { cell, hiddenSize }: StatesOfStack,
  finals: readonly SymbolicTensor[],
): RecurrentState {
  return Object.fromEntries(
    cell.states.map((key, s) => {
      const label = `${name}/final.${key}`;
      const batch = finals[0]?.shape[1] as number;
      const rows = finals.map((final, index) => {
        const own =
          cell.states.length === 1 ? final : sliceTime(final, s, s + 1, `${label}.slice_${index}`);
        return reshape(own, [batch * hiddenSize], `${label}.flat_${index}`);
      });
      const flat = rows.length > 1 ? concat(rows, label) : (rows[0] as SymbolicTensor);
      return [key, reshape(flat, [finals.length, batch, hiddenSize], `${label}.states`)];
    }),
  );
}
