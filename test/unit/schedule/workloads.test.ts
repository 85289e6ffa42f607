import { describe, expect, it } from 'vitest';
import { type Workload, workloads } from '../../../bench/workloads.ts';
import type { PlanLimits } from '../../../src/graph/operator.ts';
import { embedding, linear, oneHot } from '../../../src/layers/basic.ts';
import { sequential } from '../../../src/layers/model.ts';
import { recurrent } from '../../../src/layers/recurrent.ts';
import { measurePlan, type PlanTotals } from '../../../src/schedule/explain.ts';
import { tokenStream } from '../../../src/training/text-stream.ts';
import { narrowLimits, wideLimits } from './limits.ts';
import { planTraining, planWorkload } from './workload-plans.ts';

const devices = { narrow: narrowLimits, wide: wideLimits } as const;
/** Dispatches of a step. 20 is the aim everywhere; what is above it waits for its kernels. */
const mostDispatches = {
  narrow: { oneHot: 20, embedding: 21 },
  wide: { oneHot: 23, embedding: 28 },
} as const;
/** Activations may take so many times what is alive at once. */
const mostPeak = 1.3;

const columns = ['workload', 'device', 'dispatches', 'FLOP', 'B read', 'B written'];
const memoryColumns = ['B own', 'B shared', 'B activations', 'B needed'];

const measured = new Map<string, Promise<PlanTotals>>();

/** Sums of a workload's plan, made once. */
function measureWorkload(workload: Workload, device: keyof typeof devices): Promise<PlanTotals> {
  const key = `${workload.name} ${device}`;
  const known = measured.get(key) ?? planWorkload(workload, devices[device]).then(measurePlan);
  measured.set(key, known);
  return known;
}

const deviceNames = ['narrow', 'wide'] as const;

/** Rows as text, columns aligned: the first two to the left, numbers to the right. */
function formatTable(rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.toLocaleString('en')));
  const widths = (cells[0] ?? []).map((_, index) =>
    Math.max(...cells.map((row) => (row[index] ?? '').length)),
  );
  return cells
    .map((row) =>
      row
        .map((cell, index) => cell[index < 2 ? 'padEnd' : 'padStart'](widths[index] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

describe('the plans of the workloads', () => {
  it('take these dispatches, this work and this memory', async () => {
    const rows: (string | number)[][] = [[...columns, ...memoryColumns]];
    for (const workload of workloads) {
      for (const device of deviceNames) {
        const totals = await measureWorkload(workload, device);
        const { dispatches, flops, readBytes, writtenBytes, ...memory } = totals;
        rows.push([workload.name, device, dispatches, flops, readBytes, writtenBytes]);
        const { ownedBytes, sharedBytes, activationBytes, neededBytes } = memory;
        rows.at(-1)?.push(ownedBytes, sharedBytes, activationBytes, neededBytes);
      }
    }
    expect(`\n${formatTable(rows)}\n`).toMatchSnapshot();
  }, 120_000);

  it.each(workloads)(
    'share memory: $name takes 1.3 times what is alive at once, at most',
    async (workload) => {
      for (const device of deviceNames) {
        const { activationBytes, neededBytes } = await measureWorkload(workload, device);
        expect(neededBytes).toBeGreaterThan(0);
        expect(activationBytes / neededBytes).toBeLessThanOrEqual(mostPeak);
      }
    },
  );
});

describe('a persistent training step of one layer', () => {
  const vocabulary = 20;
  const encoders = { oneHot: oneHot(vocabulary), embedding: embedding(vocabulary, 24) };

  /** Labels of its launches, for sequences of that length. */
  async function labelsOf(
    encoder: keyof typeof encoders,
    cell: 'rnn' | 'gru' | 'lstm',
    steps: number,
    limits: PlanLimits,
  ): Promise<string[]> {
    const tokens = Int32Array.from({ length: 5000 }, (_, index) => (index * index) % vocabulary);
    const data = tokenStream(tokens, vocabulary, { batch: 16, steps });
    const model = sequential([encoders[encoder], recurrent(cell, 64), linear(vocabulary)]);
    const options = { model, data, strategy: 'persistent' } as const;
    return (await planTraining(options, limits)).launches.map(({ label }) => label);
  }

  it.each(['rnn', 'gru', 'lstm'] as const)(
    'with %s takes as few dispatches for 256 time steps as for 64',
    async (cell) => {
      for (const device of deviceNames) {
        for (const encoder of ['oneHot', 'embedding'] as const) {
          const [least, short, long] = await Promise.all(
            [8, 64, 256].map((steps) => labelsOf(encoder, cell, steps, devices[device])),
          );
          expect(long).toEqual(short);
          // Short sums are not split into parts.
          for (const labels of [least, long]) {
            const most = mostDispatches[device][encoder];
            expect(labels?.length, `${device}, ${encoder}: ${labels}`).toBeLessThanOrEqual(most);
          }
        }
      }
    },
  );
});
