import type { SymbolicTensor } from '../graph/tensor.ts';
import { oneHotLinear, tokensOfOneHot } from './embedding.ts';
import { linear } from './linear.ts';
import { reshape } from './reshape.ts';

/**
 * The affine map of a layer: {@link linear}, or a gather of weight columns where `x` is one-hot.
 *
 * @param x - [..., I], or the result of `oneHot` with size I.
 * @param weight - [O, I].
 * @param bias - [O].
 * @returns [..., O].
 */
export function project(
  x: SymbolicTensor,
  weight: SymbolicTensor,
  bias?: SymbolicTensor,
  label = 'project',
): SymbolicTensor {
  const tokens = tokensOfOneHot(x);
  return tokens && x.shape.at(-1) === weight.shape[1]
    ? oneHotLinear(tokens, weight, bias, label)
    : linear(x, weight, bias, label);
}

/** Like {@link project}, for time steps [T, B, I] or a single one [B, I], which becomes [1, B, O]. */
export function projectSteps(
  x: SymbolicTensor,
  weight: SymbolicTensor,
  bias: SymbolicTensor | undefined,
  label: string,
): SymbolicTensor {
  const projected = project(x, weight, bias, label);
  return x.shape.length === 2
    ? reshape(projected, [1, ...projected.shape], `${label}.step`)
    : projected;
}
