import type { CellGradient, CellStep } from './cell.ts';
import type { Roles } from './roles.ts';

const [I, F, G, O] = [0, 1, 2, 3] as const;
/** In `saved`, behind the gates. */
const MARKS = 4;
const C = 1;

/** What the gates of an LSTM are made with. */
export interface Gates {
  readonly roles: Roles;
  readonly peepholes: boolean;
  readonly inputForget: boolean;
}

/** What all forms of the LSTM share. */
export function describeGates({ roles, peepholes, inputForget }: Gates) {
  return {
    inputGates: 4,
    states: ['h', 'c'],
    saved: ['i', 'f', 'g', 'o', ...(roles.clips ? ['marks'] : [])],
    parameters: peepholes ? ['p_i', 'p_f', 'p_o'] : [],
    ...(peepholes && { parameterTensors: [{ name: 'peephole', count: 3 }] }),
    multiplies: true,
    masksVector: false,
    constants: { ...roles.constants, peepholes, input_forget: inputForget },
  } as const;
}

/** Sets saved, c' and, as `vector`, o ⊙ output(c'). The mirror of `lstm_forward` in `shaders/lib/lstm.wgsl`. */
export function stepForward({ roles, peepholes, inputForget }: Gates, step: CellStep): void {
  const { gate, candidate, output, clipped, clipMark } = roles;
  const { x, u, state, saved, next, parameters } = step;
  const old = state[C] as number;
  const seen = (index: number, cell: number) =>
    peepholes ? (parameters[index] as number) * cell : 0;
  const sum = (index: number) => (x[index] as number) + (u[index] as number);
  const iIn = sum(I) + seen(0, old);
  const fIn = sum(F) + seen(1, old);
  const i = gate.value(clipped(iIn));
  const f = inputForget ? 1 - i : gate.value(clipped(fIn));
  const g = candidate.value(clipped(sum(G)));
  const c = f * old + i * g;
  const oIn = sum(O) + seen(2, c);
  const o = gate.value(clipped(oIn));
  saved.set([i, f, g, o]);
  if (roles.clips) {
    saved[MARKS] = clipMark(iIn, 1) + clipMark(fIn, 2) + clipMark(sum(G), 4) + clipMark(oIn, 8);
  }
  next[C] = c;
  step.vector = o * output.value(c);
}

/** The mirror of `lstm_backward`. */
export function stepBackward(
  { roles, peepholes, inputForget }: Gates,
  gradient: CellGradient,
  dVector: number,
  dCell: number,
): void {
  const { gate, candidate, output, unlessClipped } = roles;
  const { saved, state, dx, dState, parameters, dParameters } = gradient;
  const [i, f, g, o] = saved as unknown as [number, number, number, number];
  const marks = saved[MARKS];
  const old = state[C] as number;
  const c = f * old + i * g;
  const seen = output.value(c);
  const dO = unlessClipped(dVector * seen * gate.slope(o), marks, 8);
  let dc = dCell + dVector * o * output.slope(seen);
  if (peepholes) dc += dO * (parameters[2] as number);
  const dF = inputForget ? 0 : unlessClipped(dc * old * gate.slope(f), marks, 2);
  const dI = unlessClipped((dc * g - (inputForget ? dc * old : 0)) * gate.slope(i), marks, 1);
  dx.set([dI, dF, unlessClipped(dc * i * candidate.slope(g), marks, 4), dO]);
  dState[C] = dc * f;
  if (!peepholes) return;
  dState[C] += dI * (parameters[0] as number) + dF * (parameters[1] as number);
  dParameters.set([dI * old, dF * old, dO * c]);
}
