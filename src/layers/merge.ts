import type { SymbolicTensor } from '../graph/tensor.ts';
import { add, multiply } from '../ops/binary.ts';
import { concat } from '../ops/concat.ts';
import { scale } from '../ops/unary.ts';

type Merge = (outputs: readonly SymbolicTensor[], label: string) => SymbolicTensor;

const summed: Merge = (outputs, label) => outputs.reduce((a, b) => add(a, b, label));

/** How a bidirectional layer gives its outputs: merged into one, or `separate`. */
export type MergeMode = 'concat' | 'sum' | 'mean' | 'multiply' | 'separate';

const merges: Readonly<Record<Exclude<MergeMode, 'separate'>, Merge>> = {
  concat,
  sum: summed,
  mean: (outputs, label) => scale(summed(outputs, `${label}.sum`), 1 / outputs.length, label),
  multiply: (outputs, label) => outputs.reduce((a, b) => multiply(a, b, label)),
};

/** All merge modes. */
export const mergeModes: readonly MergeMode[] = [
  ...(Object.keys(merges) as (keyof typeof merges)[]),
  'separate',
];

/** One output of those of all directions; a single one as it is. */
export function mergeOutputs(
  outputs: readonly SymbolicTensor[],
  mode: Exclude<MergeMode, 'separate'>,
  label: string,
): SymbolicTensor {
  const [first, ...others] = outputs as [SymbolicTensor];
  return others.length === 0 ? first : merges[mode](outputs, label);
}
