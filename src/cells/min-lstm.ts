import { sigmoid } from './activations.ts';
import { slopeOfPositive, toPositive } from './candidate.ts';
import type { CellDefinition } from './cell.ts';
import { readChoice, refuseUnknownOptions } from './options.ts';
import type { ScanCell } from './scan-cell.ts';

const [F, I, N] = [0, 1, 2] as const;

/**
 * The minimal LSTM, gate order f, i, n: h' = f / (f + i) ⊙ h + i / (f + i) ⊙ n, where f, i = σ(·) and the
 * candidate n see the input only. The quotients add up to 1, so h stays in the range of the candidates.
 * `candidate` as for the minimal GRU.
 *
 * @see Feng et al. 2024, "Were RNNs All We Needed?", arXiv 2410.01201.
 */
export const minLstm: CellDefinition<ScanCell> = {
  name: 'minLstm',
  summary: 'minimal LSTM without recurrent weights, trained by a scan',
  formulas: [
    'f, i = σ(W_ih x + b_ih)',
    "candidate 'linear':   n = W_ih x + b_ih",
    "candidate 'positive': n = g(W_ih x + b_ih), g(v) = v + 0.5 for v ≥ 0, σ(v) below",
    "h' = f / (f + i) h + i / (f + i) n",
  ],
  optionNames: ['candidate'],
  variants: [{ candidate: 'linear' }],
  options: [{ candidate: 'positive' }],
  create(options) {
    refuseUnknownOptions('minLstm', options, minLstm.optionNames);
    const isPositive =
      readChoice('minLstm', options, 'candidate', ['linear', 'positive']) === 'positive';
    return {
      shader: 'min-lstm',
      gates: ['f', 'i', 'n'],
      states: ['h'],
      constants: { positive: isPositive },
      coefficients(x) {
        const v = x[N] as number;
        const n = isPositive ? toPositive(v) : v;
        const odds = oddsOf(x);
        return { a: sigmoid(odds), b: sigmoid(-odds) * n };
      },
      gradient(x, da, db) {
        const v = x[N] as number;
        const odds = oddsOf(x);
        const [a, share] = [sigmoid(odds), sigmoid(-odds)];
        const [n, slope] = isPositive ? [toPositive(v), slopeOfPositive(v)] : [v, 1];
        const dOdds = (da - db * n) * a * share;
        return Float64Array.of(
          dOdds * sigmoid(-(x[F] as number)),
          -dOdds * sigmoid(-(x[I] as number)),
          db * share * slope,
        );
      },
    };
  },
};

/** log f − log i: f / (f + i) is its σ, also where both gates are too small for their sum. */
function oddsOf(x: Float64Array): number {
  return logSigmoid(x[F] as number) - logSigmoid(x[I] as number);
}

function logSigmoid(x: number): number {
  return Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));
}
