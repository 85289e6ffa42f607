import { indexAt } from '../graph/tensor.ts';
import type { NonFiniteFinding } from './engine.ts';
import type { StepRecord } from './step-state.ts';

/** The first value of a tensor that is NaN or infinite. */
export function findNonFinite(
  tensor: string,
  values: ArrayLike<number>,
  shape: readonly number[],
): NonFiniteFinding | undefined {
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    if (Number.isFinite(value)) continue;
    return { tensor, index: indexAt(shape, at), value };
  }
  return undefined;
}

/** What went wrong in a step, where, and what to do. */
export function describeNonFinite(
  { step, loss, lossIsFinite }: StepRecord,
  finding: NonFiniteFinding | undefined,
): string {
  const what = lossIsFinite ? 'the gradient norm is not finite' : `the loss is ${loss}`;
  const where = finding
    ? `the first non-finite tensor is '${finding.tensor}' at [${finding.index.join(', ')}]: ` +
      `${finding.value}`
    : 'no single tensor is: sums overflow float32';
  return (
    `step ${step + 1}: ${what}; ${where}. The weights are those before this step. Lower the learning ` +
    'rate or set clipNorm.'
  );
}
