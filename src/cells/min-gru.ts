import { sigmoid } from './activations.ts';
import { slopeOfPositive, toPositive } from './candidate.ts';
import type { CellDefinition } from './cell.ts';
import { readChoice, refuseUnknownOptions } from './options.ts';
import type { ScanCell } from './scan-cell.ts';

const [Z, N] = [0, 1] as const;

/**
 * The minimal GRU, gate order z, n: h' = (1 − z) ⊙ h + z ⊙ n, where z = σ(·) and the candidate n see the input
 * only. `candidate: 'linear'` takes n as it is; `'positive'` maps it by g(v) = v + 0.5 for v ≥ 0, σ(v) below, as
 * the paper's log-space form does.
 *
 * @see Feng et al. 2024, "Were RNNs All We Needed?", arXiv 2410.01201.
 */
export const minGru: CellDefinition<ScanCell> = {
  name: 'minGru',
  summary: 'minimal GRU without recurrent weights, trained by a scan',
  formulas: [
    'z = σ(W_ih x + b_ih)',
    "candidate 'linear':   n = W_ih x + b_ih",
    "candidate 'positive': n = g(W_ih x + b_ih), g(v) = v + 0.5 for v ≥ 0, σ(v) below",
    "h' = (1 - z) h + z n",
  ],
  optionNames: ['candidate'],
  variants: [{ candidate: 'linear' }],
  options: [{ candidate: 'positive' }],
  create(options) {
    refuseUnknownOptions('minGru', options, minGru.optionNames);
    const isPositive =
      readChoice('minGru', options, 'candidate', ['linear', 'positive']) === 'positive';
    return {
      shader: 'min-gru',
      gates: ['z', 'n'],
      states: ['h'],
      constants: { positive: isPositive },
      coefficients(x) {
        const v = x[N] as number;
        const n = isPositive ? toPositive(v) : v;
        return { a: sigmoid(-(x[Z] as number)), b: sigmoid(x[Z] as number) * n };
      },
      gradient(x, da, db) {
        const v = x[N] as number;
        const [z, keep] = [sigmoid(x[Z] as number), sigmoid(-(x[Z] as number))];
        const [n, slope] = isPositive ? [toPositive(v), slopeOfPositive(v)] : [v, 1];
        return Float64Array.of((db * n - da) * z * keep, db * z * slope);
      },
    };
  },
};
