import type { Cell } from '../cells/cell.ts';
import { isScanCell, type ScanCell } from '../cells/scan-cell.ts';
import { OptionError } from '../errors.ts';
import { fill } from '../graph/sources.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { concat } from '../ops/concat.ts';
import { dropout } from '../ops/dropout.ts';
import type { ExtraInputs } from '../ops/recurrence-extras.ts';
import { reshape } from '../ops/reshape.ts';
import { streamOf } from '../random.ts';
import { checkRate } from './recurrent-checks.ts';
import type { TraceMode } from './trace.ts';

/** Options that keep a recurrence from learning its training data by heart. */
export interface RegularizationOptions {
  /**
   * Dropout rate of the h that the recurrent matmul reads, one mask for a whole sequence, while training. Default 0.
   *
   * @see Gal & Ghahramani 2016; Keras's `recurrent_dropout`, with one mask for all gates.
   */
  readonly recurrentDropout?: number;
  /**
   * Probability that a unit keeps its old state in a step while training, of all states or by state; in use, states
   * are mixed by it. Default 0.
   *
   * @see Krueger et al. 2017, "Zoneout".
   */
  readonly zoneout?: number | Readonly<Record<string, number>>;
}

/** The options after validation. */
export interface Regularization {
  readonly recurrentDropout: number;
  /** Rates by state; undefined where all are 0. */
  readonly zoneout: readonly number[] | undefined;
}

/**
 * Reads the options.
 *
 * @throws {OptionError} for rates out of range, unknown states, and cells that have nothing to drop.
 */
export function readRegularization(
  layer: string,
  cell: Cell | ScanCell,
  { recurrentDropout = 0, zoneout = 0 }: RegularizationOptions,
): Regularization {
  if (isScanCell(cell)) return { recurrentDropout: 0, zoneout: undefined };
  checkRate(layer, 'recurrentDropout', recurrentDropout);
  if (recurrentDropout > 0 && !cell.multiplies) {
    throw new OptionError(
      `${layer}: recurrentDropout is ${recurrentDropout}, but the cell multiplies no state by a matrix, expected 0. ` +
        'Use zoneout or dropout.',
    );
  }
  const rates = readZoneout(layer, cell, zoneout);
  if (rates && !cell.allowsZoneout) {
    throw new OptionError(
      `${layer}: zoneout is ${JSON.stringify(zoneout)}, but this cell's states cannot be kept one by one (a projection or a norm ` +
        'makes h after c; sLSTM normalises them together), expected 0. Use dropout or recurrentDropout.',
    );
  }
  return { recurrentDropout, zoneout: rates };
}

function readZoneout(
  layer: string,
  { states }: Cell,
  zoneout: number | Readonly<Record<string, number>>,
): readonly number[] | undefined {
  const byState = typeof zoneout === 'number' ? undefined : zoneout;
  for (const name of Object.keys(byState ?? {})) {
    if (states.includes(name)) continue;
    throw new OptionError(
      `${layer}: zoneout names a state '${name}', expected ${states.join(', ')}.`,
    );
  }
  const rates = states.map((state) => byState?.[state] ?? (byState ? 0 : (zoneout as number)));
  for (const rate of rates) checkRate(layer, 'zoneout', rate);
  return rates.some((rate) => rate > 0) ? rates : undefined;
}

/** The mask and the shares that a recurrence of one layer and direction is given. */
export function drawExtras(
  { recurrentDropout, zoneout }: Regularization,
  mode: TraceMode,
  [steps, batch, hiddenSize]: readonly [number, number, number],
  label: string,
): ExtraInputs<SymbolicTensor> {
  const mask =
    recurrentDropout > 0 && mode === 'training'
      ? drawMask([batch, hiddenSize], recurrentDropout, 1, `${label}/recurrent dropout`)
      : undefined;
  return {
    ...(mask && { mask }),
    ...(zoneout && { zoneout: drawShares(zoneout, mode, [steps, batch, hiddenSize], label) }),
  };
}

function drawMask(shape: readonly number[], rate: number, value: number, label: string) {
  return dropout(fill(shape, value, `${label}/ones`), { rate, stream: streamOf(label) }, label);
}

/** [states, T, B, H]: 1 or 0 in training, their mean in use. */
function drawShares(
  rates: readonly number[],
  mode: TraceMode,
  extents: readonly [number, number, number],
  label: string,
): SymbolicTensor {
  const count = extents[0] * extents[1] * extents[2];
  const parts = rates.map((rate, state) => {
    const name = `${label}/zoneout_${state}`;
    const draws = mode === 'training' && rate > 0;
    // What dropout keeps it divides by 1 − rate.
    return draws ? drawMask([count], rate, 1 - rate, name) : fill([count], 1 - rate, name);
  });
  const flat = parts.length > 1 ? concat(parts, `${label}/zoneout`) : (parts[0] as SymbolicTensor);
  return reshape(flat, [rates.length, ...extents], `${label}/shares`);
}
