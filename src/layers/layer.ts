import { OptionError, ShapeError } from '../errors.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';

/** A function on symbolic tensors that owns its parameters. Applying it twice shares them. */
export interface Layer {
  (x: SymbolicTensor): SymbolicTensor;
  /** What the layer is, e.g. `lstm`; the prefix of its parameters' names unless it has a name. */
  readonly kind: string;
  /** Plain data from which the layer can be built again; see `describeModel`. */
  readonly config: LayerConfig;
}

/** A layer as plain data: its kind and its options. */
export interface LayerConfig {
  readonly kind: string;
  readonly [option: string]: unknown;
}

/** @throws {OptionError} unless `value` is a positive integer. */
export function requireSize(layer: string, option: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw new OptionError(`${layer}: ${option} is ${String(value)}, expected a positive integer.`);
}

/** @throws {OptionError} if `options` holds a name that the layer does not know. */
export function refuseUnknown(layer: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new OptionError(
    `${layer}: unknown option '${unknown}', expected one of ${known.join(', ')}.`,
  );
}

/** @throws {ShapeError} unless a tensor has the wanted number of axes and element type. */
export function requireAxes(
  layer: string,
  x: SymbolicTensor,
  names: readonly string[],
  dtype: 'f32' | 'i32',
  remedy: string,
): void {
  if (x.shape.length === names.length && x.dtype === dtype) return;
  throw new ShapeError(
    `${layer}: input is ${x.dtype} [${x.shape.join(', ')}], expected ${dtype} ` +
      `[${names.join(', ')}]. ${remedy}`,
  );
}
