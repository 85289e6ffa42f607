import type { Cell } from './cell.ts';

/**
 * A cell whose gates depend on the input only, so that a step is linear in the state: h' = a h + b. All time
 * steps are then a scan, and there are no recurrent weights.
 *
 * It knows nothing of time, batch or device. Its WGSL twin is `shaders/scan-cells/<shader>.wgsl`, joined into
 * the scan kernels.
 */
export interface ScanCell {
  /** Name of the WGSL file in `shaders/scan-cells`, e.g. `min-gru`. */
  readonly shader: string;
  /** Gates in the row order of `weight_ih`. */
  readonly gates: readonly string[];
  /** The state carried through time: `h`. */
  readonly states: readonly string[];
  /** Values of the constants that the WGSL part specialises. */
  readonly constants: Readonly<Record<string, number | boolean>>;
  /**
   * What a step does to the state, of one unit: h' = a h + b. a is in [0, 1]: products of it stay in range.
   *
   * @param x - [gates] W_ih·x + b_ih.
   */
  coefficients(x: Float64Array): { readonly a: number; readonly b: number };
  /**
   * Gradient of {@link coefficients}.
   *
   * @returns [gates] gradient of W_ih·x + b_ih.
   */
  gradient(x: Float64Array, da: number, db: number): Float64Array;
}

/** Whether a cell's time steps are a scan, and not a loop around a recurrent matmul. */
export function isScanCell(cell: Cell | ScanCell): cell is ScanCell {
  return 'coefficients' in cell;
}
