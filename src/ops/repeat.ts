import { OptionError } from '../errors.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { broadcastLeading } from './reduce.ts';

/**
 * The same input at every time step: [B, I] → [T, B, I]. Its gradient is the sum over time.
 *
 * @throws {OptionError} if `steps` is no positive integer.
 */
export function repeatTime(
  x: SymbolicTensor,
  steps: number,
  label = 'repeat-time',
): SymbolicTensor {
  if (!Number.isSafeInteger(steps) || steps < 1) {
    throw new OptionError(`${label}: steps is ${steps}, expected a positive integer.`);
  }
  return broadcastLeading(x, [steps, ...x.shape], label);
}
