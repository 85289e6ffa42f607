import type { Cell, CellDefinition, CellOptions } from '../cells/cell.ts';
import { type CellName, cells } from '../cells/registry.ts';
import { isScanCell, type ScanCell } from '../cells/scan-cell.ts';
import { OptionError } from '../errors.ts';
import { refuseUnknown, requireSize } from './layer.ts';
import { type MergeMode, mergeModes } from './merge.ts';
import type { ReadyCell } from './recurrent-stack.ts';

/** The options that shape a stack of recurrent layers, as far as they depend on each other. */
interface StackShape {
  readonly layers?: number;
  readonly direction?: string;
  readonly merge?: MergeMode;
  readonly residual?: boolean;
}

/**
 * The cell of a layer and the size of its h, from the options among the layer's that are the cell's own.
 *
 * @param layer - begins messages.
 * @param known - options of the layer, and those that it has for cells with a loop over time.
 * @throws {OptionError} for a size or an option that fits neither.
 */
export function resolveCell(
  layer: string,
  cellName: CellName,
  hiddenSize: number,
  options: object,
  known: { readonly common: readonly string[]; readonly recurrent: readonly string[] },
): Pick<ReadyCell, 'cell' | 'stateSize'> {
  const definition: CellDefinition<Cell | ScanCell> = cells[cellName];
  requireSize(layer, 'hiddenSize', hiddenSize);
  const cellOptions = Object.fromEntries(
    Object.entries(options).filter(([name]) => definition.optionNames.includes(name)),
  );
  const cell = definition.create(cellOptions);
  const gateBiases = cell.gates.includes('f') ? ['forgetBias'] : [];
  const common = isScanCell(cell) ? known.common : [...known.common, ...known.recurrent];
  refuseUnknown(layer, options, [...common, ...gateBiases, ...definition.optionNames]);
  return { cell, stateSize: readStateSize(layer, cell, hiddenSize, cellOptions) };
}

/** The size of h: what a projection leaves of the hidden size. @throws {OptionError} if that is nothing less. */
function readStateSize(
  layer: string,
  cell: Cell | ScanCell,
  hiddenSize: number,
  { projectionSize }: CellOptions,
): number {
  if (isScanCell(cell) || cell.gates.length === cell.inputGates) return hiddenSize;
  const size = projectionSize as number;
  if (size < hiddenSize) return size;
  throw new OptionError(
    `${layer}: projectionSize is ${size}, expected less than hiddenSize ${hiddenSize}. Leave it out for none.`,
  );
}

/** @throws {OptionError} for options of a weight_hh that is not there, or not square. */
export function checkWeights(
  layer: string,
  { cell, hiddenSize, stateSize, options }: ReadyCell,
): void {
  if (isScanCell(cell)) return;
  const { recurrentInitializer, weightDropout = 0, heads = 1 } = options;
  const isSquare = cell.multiplies && stateSize === hiddenSize;
  if (recurrentInitializer === 'orthogonal' && !isSquare) {
    throw new OptionError(
      `${layer}: recurrentInitializer is 'orthogonal', but weight_hh has no square blocks here, expected 'uniform'.`,
    );
  }
  if (weightDropout > 0 && !cell.multiplies) {
    throw new OptionError(
      `${layer}: weightDropout is ${weightDropout}, but the cell has no matrix weight_hh, expected 0. Use dropout or ` +
        'zoneout.',
    );
  }
  requireSize(layer, 'heads', heads);
  if (heads > 1 && !isSquare) {
    throw new OptionError(
      `${layer}: heads is ${heads}, but weight_hh has no square blocks here, expected 1.`,
    );
  }
  if (hiddenSize % heads === 0) return;
  throw new OptionError(
    `${layer}: heads is ${heads}, expected a divisor of hiddenSize ${hiddenSize}: all heads have as many units.`,
  );
}

/** Whether each direction runs backwards. @throws {OptionError} for another word. */
export function readDirections(layer: string, direction: string): readonly boolean[] {
  if (direction === 'forward') return [false];
  if (direction === 'reverse') return [true];
  if (direction === 'bidirectional') return [false, true];
  throw new OptionError(
    `${layer}: direction is '${direction}', expected 'forward', 'reverse' or 'bidirectional'.`,
  );
}

/** @throws {OptionError} unless `rate` is a share of elements that leaves some. */
export function checkRate(layer: string, option: string, rate: number | undefined): void {
  if (rate === undefined || (rate >= 0 && rate < 1)) return;
  throw new OptionError(`${layer}: ${option} is ${rate}, expected a number in [0, 1).`);
}

/** How outputs are merged. @throws {OptionError} for modes that are unknown or have nothing to merge. */
export function readMerge(layer: string, options: StackShape): MergeMode {
  const { merge, direction = 'forward', layers = 1 } = options;
  if (merge === undefined) return 'concat';
  if (!mergeModes.includes(merge)) {
    const known = mergeModes.map((mode) => `'${mode}'`).join(', ');
    throw new OptionError(`${layer}: merge is '${String(merge)}', expected one of ${known}.`);
  }
  if (direction !== 'bidirectional') {
    throw new OptionError(
      `${layer}: merge is '${merge}' and direction '${direction}', expected 'bidirectional': one direction ` +
        'has nothing to merge. Leave merge out.',
    );
  }
  if (merge === 'separate' && layers > 1) {
    throw new OptionError(
      `${layer}: merge is 'separate' with ${layers} layers, expected 1: a layer reads one output of the ` +
        'layer below. Merge below, and make the last layer a layer of its own.',
    );
  }
  return merge;
}

/** Whether layers add their input. @throws {OptionError} where there is no layer above the first. */
export function readResidual(layer: string, { residual = false, layers = 1 }: StackShape): boolean {
  if (typeof residual !== 'boolean') {
    throw new OptionError(`${layer}: residual is ${String(residual)}, expected true or false.`);
  }
  if (residual && layers === 1) {
    throw new OptionError(
      `${layer}: residual is true with 1 layer, expected at least 2: each layer above the first adds its ` +
        'input to its output. Around a single layer, write add(x, layer(x)) in model().',
    );
  }
  return residual;
}
