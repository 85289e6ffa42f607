import type { Cell, CellNorm } from './cell.ts';

/** Whether what a norm's phase finds normalised are products of the phase before; else it is that one's vector. */
export function coversGates({ phases }: Pick<Cell, 'phases'>, { phase }: CellNorm): boolean {
  const [first, end] = phases[phase - 1] as readonly [number, number];
  return end > first;
}

/** What a phase finds normalised, if anything. */
export function normOf({ norms = [] }: Pick<Cell, 'norms'>, phase: number): CellNorm | undefined {
  return norms.find((norm) => norm.phase === phase);
}

/** The gates whose W_ih·x a phase reads: its own, or where products are normalised those of the phase before. */
export function inputRange(cell: Cell, phase: number): readonly [begin: number, end: number] {
  const isLate = (cell.norms?.length ?? 0) > 0;
  return cell.phases[isLate ? phase - 1 : phase] ?? [0, 0];
}

/**
 * A cell with its recurrent products normalised: each phase with gates becomes two, of which the first only saves the
 * products W_hh·v, and the second is the phase as it was. bias_hh is added behind the norm, as its shift.
 *
 * @param inner - without parameters, and with an input for every gate.
 * @param shader - its WGSL.
 */
export function normalizeProducts(inner: Cell, shader: string): Cell {
  const { gates } = inner;
  const products = inner.saved.length;
  const phases: (readonly [number, number])[] = [];
  /** The inner phase of each phase; undefined where products are saved. */
  const innerPhases: (number | undefined)[] = [];
  const norms: CellNorm[] = [];
  for (const [index, [first, end]] of inner.phases.entries()) {
    if (end > first) {
      phases.push([first, end]);
      innerPhases.push(undefined);
      norms.push({
        phase: phases.length,
        values: products + first,
        count: end - first,
        statistics: products + gates.length + 2 * norms.length,
        gain: first,
        shift: gates.length + first,
      });
    }
    phases.push([end, end]);
    innerPhases.push(index);
  }
  return {
    ...inner,
    shader,
    saved: [
      ...inner.saved,
      ...gates.map((gate) => `product_${gate}`),
      ...norms.flatMap(({ phase }) => [`mean_${phase}`, `inverse_${phase}`]),
    ],
    parameters: [...gates.map((gate) => `gain_${gate}`), ...gates.map((gate) => `b_${gate}`)],
    parameterTensors: [
      { name: 'norm_hh', count: gates.length, initial: 1 },
      { name: 'bias_hh', count: gates.length, isBias: true },
    ],
    norms,
    phases,
    statePhases: inner.statePhases.map((phase) => innerPhases.indexOf(phase)),
    gradientsApart: true,
    forward(phase, step) {
      const own = innerPhases[phase];
      if (own !== undefined) {
        inner.forward(own, step);
        return;
      }
      const [first, end] = phases[phase] as readonly [number, number];
      step.saved.set(step.u.subarray(first, end), products + first);
    },
    backward(phase, gradient) {
      const own = innerPhases[phase];
      if (own !== undefined) inner.backward(own, gradient);
    },
  };
}
