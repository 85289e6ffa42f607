import { OptionError } from '../errors.ts';
import type { Strategy } from '../graph/operator.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import type { Tunable } from '../graph/tunable.ts';
import type { MatmulTunable } from '../ops/matmul-tunable.ts';
import type { RecurrenceTunable } from '../ops/recurrence-tunable.ts';
import { probeMatmul } from './probe-matmul.ts';
import { probeRecurrence } from './probe-recurrence.ts';

/** A small graph with numbers for its sources. */
export interface ProbeGraph {
  readonly outputs: ReadonlyMap<string, SymbolicTensor>;
  readonly inputs: ReadonlyMap<string, Float32Array>;
  readonly parameters: ReadonlyMap<string, Float32Array>;
}

/** One kernel at its real size, in a graph of its own. */
export interface Probe extends ProbeGraph {
  readonly strategy?: Strategy | undefined;
  /** Outputs are [outer, rows, …]; rows do not depend on each other. */
  readonly outer: number;
  readonly rows: number;
  /** What errors grow with. */
  readonly steps: number;
  readonly fanIn: number;
  /** The same for the last row alone: cheap enough for the reference. */
  readonly lastRow: ProbeGraph;
}

/** How to measure each kernel whose shape is left open. */
const probes: Readonly<Record<string, (tunable: never) => Probe>> = {
  matmul: ({ subject }: MatmulTunable) => probeMatmul(subject),
  'recurrence-forward': ({ subject }: RecurrenceTunable) => probeRecurrence(subject),
  'recurrence-backward': ({ subject }: RecurrenceTunable) => probeRecurrence(subject),
};

/** @throws {OptionError} for a kernel that cannot be measured on its own. */
export function makeProbe(tunable: Tunable): Probe {
  const make = probes[tunable.kernel];
  if (make) return make(tunable as never);
  throw new OptionError(
    `tune: there is no measurement for kernel '${tunable.kernel}', expected ` +
      `${Object.keys(probes).join(', ')}. Its shape is left to the rule.`,
  );
}
