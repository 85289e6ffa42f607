import { sigmoid } from './activations.ts';
import type { CellDefinition } from './cell.ts';
import { readChoice, refuseUnknownOptions } from './options.ts';

const [Z, I, F, O] = [0, 1, 2, 3] as const;
const [H, C, N, M] = [0, 1, 2, 3] as const;
/** Largest exponent of a forget gate that forgets nothing, since the state is empty. */
const MOST = 80;

/**
 * The sLSTM of the xLSTM, gate order z, i, f, o: an LSTM whose input gate, and by choice its forget gate, is an
 * exponential. n sums the input gates, so that h is a weighted mean; m keeps exponents at or below 0.
 *
 * c and n stand for e^m c and e^m n; h does not depend on m. A state of n = 0 is empty: m then starts at the first
 * input gate, as in the authors' code, and zeros are the state to start from. n must not be negative.
 *
 * @see Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", arXiv 2405.04517.
 */
export const slstm: CellDefinition = {
  name: 'slstm',
  summary: 'sLSTM: exponential gates with a normaliser and a stabiliser',
  formulas: [
    'z = tanh(W_ih x + b_ih + W_hh h + b_hh)',
    'o = σ(W_ih x + b_ih + W_hh h + b_hh)',
    'i~, f~ = W_ih x + b_ih + W_hh h + b_hh',
    "forget 'sigmoid':     log f = log σ(f~)",
    "forget 'exponential': log f = f~",
    "m' = max(log f + m, i~), or i~ where n = 0",
    "i = exp(i~ - m'), f = exp(log f + m - m')",
    "c' = f c + i z",
    "n' = f n + i",
    "h' = o c' / n'",
  ],
  optionNames: ['forget'],
  variants: [{ forget: 'sigmoid' }],
  options: [{ forget: 'exponential' }],
  create(options) {
    refuseUnknownOptions('slstm', options, slstm.optionNames);
    const exponential =
      readChoice('slstm', options, 'forget', ['sigmoid', 'exponential']) === 'exponential';
    return {
      shader: 'slstm',
      gates: ['z', 'i', 'f', 'o'],
      inputGates: 4,
      parameters: [],
      states: ['h', 'c', 'n', 'm'],
      positiveStates: ['n'],
      saved: ['z', 'i', 'f', 'o', 's'],
      phases: [[0, 4]],
      statePhases: [0, 0, 0, 0],
      multiplies: true,
      masksVector: false,
      allowsZoneout: false,
      gradientsApart: false,
      constants: { exponential },
      forward(_phase, { x, u, state, saved, next }) {
        const [, c, n, m] = state as unknown as [number, number, number, number];
        const z = Math.tanh((x[Z] as number) + (u[Z] as number));
        const o = sigmoid((x[O] as number) + (u[O] as number));
        const raw = (x[I] as number) + (u[I] as number);
        const rawForget = (x[F] as number) + (u[F] as number);
        const logForget = exponential
          ? rawForget
          : Math.min(rawForget, 0) - Math.log1p(Math.exp(-Math.abs(rawForget)));
        const kept = logForget + m;
        const most = n === 0 || raw > kept ? raw : kept;
        const i = Math.exp(raw - most);
        const f = Math.exp(Math.min(kept - most, MOST));
        saved.set([z, i, f, o, exponential ? 1 : sigmoid(-rawForget)]);
        next[C] = f * c + i * z;
        next[N] = f * n + i;
        next[M] = most;
        next[H] = (o * (next[C] as number)) / (next[N] as number);
      },
      // Exact, with the gradient of m: see docs/adr/0019-slstm.md.
      backward(_phase, { saved, state, dNext, dx, du, dState }) {
        const [z, i, f, o, slope] = saved as unknown as [number, number, number, number, number];
        const [, c, n] = state as unknown as [number, number, number];
        // c' and n' anew: the old ones are read anyway.
        const sum = f * n + i;
        const mean = (f * c + i * z) / sum;
        const dh = dNext[H] as number;
        const dc = (dNext[C] as number) + (dh * o) / sum;
        const dn = (dNext[N] as number) - (dh * o * mean) / sum;
        const ofInput = (dc * z + dn) * i;
        const ofForget = (dc * c + dn * n) * f;
        // The larger exponent is m': its gate is constant, and what reaches m' goes on to it.
        const inputLeads = n === 0 || f < 1;
        const dm = dNext[M] as number;
        const dKept = inputLeads ? ofForget : dm - ofInput;
        dx[Z] = dc * i * (1 - z * z);
        dx[I] = inputLeads ? dm - ofForget : ofInput;
        dx[F] = dKept * slope;
        dx[O] = dh * mean * o * (1 - o);
        du.set(dx);
        dState[H] = 0;
        dState[C] = dc * f;
        dState[N] = dn * f;
        dState[M] = dKept;
      },
    };
  },
};
