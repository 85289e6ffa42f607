import { OptionError } from '../errors.ts';
import type { Optimizer } from './optimizer.ts';
import { adam, adamw } from './optimizer-adam.ts';
import { rmsprop } from './optimizer-rmsprop.ts';
import { sgd } from './optimizer-sgd.ts';
import { show } from './options.ts';

/** Every optimizer by its name, as the command line and checkpoints have it. */
export const optimizers = {
  /** See {@link sgd}. */
  sgd,
  /** See {@link adam}. */
  adam,
  /** See {@link adamw}. */
  adamw,
  /** See {@link rmsprop}. */
  rmsprop,
} as const;

/** Name of an optimizer. */
export type OptimizerName = keyof typeof optimizers;

/**
 * An optimizer from plain data, the inverse of reading `name` and `options` from one.
 *
 * @throws {OptionError} for an unknown name, or options that the optimizer refuses.
 */
export function makeOptimizer(name: string, options: object = {}): Optimizer {
  if (!Object.hasOwn(optimizers, name)) {
    const known = Object.keys(optimizers).join(', ');
    throw new OptionError(`optimizer is ${show(name)}, expected one of ${known}.`);
  }
  return optimizers[name as OptimizerName](options);
}
