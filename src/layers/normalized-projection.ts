import type { SymbolicTensor } from '../graph/tensor.ts';
import { embedding as lookUp, tokensOfOneHot } from '../ops/embedding.ts';
import { layerNorm } from '../ops/layer-norm.ts';
import { transpose } from '../ops/linear.ts';
import { maskTime } from '../ops/mask-time.ts';
import { projectSteps } from '../ops/project.ts';
import { reshape } from '../ops/reshape.ts';

/** What the projected input of a cell with layer normalisation is made with. */
interface NormalizedProjection {
  readonly weightIh: SymbolicTensor;
  /** The norm's bias. */
  readonly biasIh: SymbolicTensor | undefined;
  /** Its gains. */
  readonly normIh: SymbolicTensor;
  readonly lengths: SymbolicTensor | undefined;
}

/** LN(W_ih·x) of every time step, [T, B, gates·H], of x [T, B, I] or of a single step [B, I]. */
export function projectNormalized(
  x: SymbolicTensor,
  { weightIh, biasIh, normIh, lengths }: NormalizedProjection,
  name: string,
  ending: string,
): SymbolicTensor {
  const [label, normLabel] = [`${name}/project${ending}`, `${name}/norm${ending}`];
  const options = { weight: normIh, bias: biasIh };
  const tokens = tokensOfOneHot(x);
  const vocabulary = weightIh.shape[1] as number;
  if (tokens && x.shape.at(-1) === vocabulary && vocabulary <= tokens.size) {
    // A row for each token of the vocabulary is normalised once, and not at each of its places.
    const table = layerNorm(transpose(weightIh, `${label}.table`), options, normLabel);
    const rows = lookUp(tokens, table, label);
    return x.shape.length === 2 ? reshape(rows, [1, ...rows.shape], `${label}.step`) : rows;
  }
  const products = projectSteps(x, weightIh, undefined, label);
  // Statistics of padding may be infinite, and would reach the gradients as 0 · ∞.
  const clean = lengths ? maskTime(products, lengths, `${normLabel}.mask`) : products;
  return layerNorm(clean, options, normLabel);
}
