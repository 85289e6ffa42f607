import type { Tunable } from '../../../src/graph/tunable.ts';
import type { Contender } from '../../../src/tuning/duel.ts';
import type { Arena, CandidateReport, Refusal, SearchOptions } from '../../../src/tuning/search.ts';

/** A shape with one axis. */
export interface Width {
  readonly width: number;
}

/** A tunable whose rule is width 4; `other` is the only form of another kind. */
export function widthTunable(other: number): Tunable<Width> {
  return {
    key: 'fake n=1',
    kernel: 'fake',
    subject: {},
    flops: 1,
    builtIn: { width: 4 },
    refuse: ({ width }) => (width >= 1 ? undefined : 'width is at least 1'),
    seeds: () => [{ width: other }],
    neighbours: ({ width }) => [{ width: width * 2 }, { width: width / 2 }],
  };
}

/** Times each width as it is told: one number for all measurements, or one after another. */
export class FakeArena implements Arena<Width> {
  readonly prepared: number[] = [];
  readonly measured: number[] = [];
  alive = 0;

  constructor(
    private readonly times: Readonly<Record<number, number | readonly number[]>>,
    private readonly other: {
      readonly buildMs?: Readonly<Record<number, number>>;
      readonly refusals?: Readonly<Record<number, Refusal>>;
    } = {},
  ) {}

  prepare({ width }: Width): Promise<Contender | Refusal> {
    this.prepared.push(width);
    const refusal = this.other.refusals?.[width];
    if (refusal) return Promise.resolve(refusal);
    this.alive += 1;
    const times = this.times[width] ?? 100;
    let count = 0;
    return Promise.resolve({
      buildMs: this.other.buildMs?.[width] ?? 0,
      measure: () => {
        this.measured.push(width);
        const list = typeof times === 'number' ? [times] : times;
        return Promise.resolve(list[count++ % list.length] as number);
      },
      dispose: () => {
        this.alive -= 1;
      },
    });
  }
}

/** Options that never end a search, and what is reported to them. */
export function watchSearch(changes: Partial<SearchOptions<Width>> = {}) {
  const reports: CandidateReport<Width>[] = [];
  const options: SearchOptions<Width> = {
    countsBuilding: false,
    isOver: () => false,
    pause: () => undefined,
    report: (candidate) => reports.push(candidate),
    ...changes,
  };
  return { options, reports };
}
