import { describe, expect, it } from 'vitest';
import { measureNullApiTime } from '../../bench/api-time-null.ts';
import { findWorkload } from '../../bench/workloads.ts';

/** The aim is 0.1 ms where many steps are submitted; bounds leave room for machines that are slow or busy. */
const mostMs = { 1: 0.5, 16: 0.25 } as const;
/** Sixteen steps are submitted in four parts, so that a GPU begins with the first. */
const submits = { 1: 1, 16: 4 } as const;

describe('the main thread in a training step, on a backend that computes nothing', () => {
  it.each(['char-s', 'gru-s', 'long'])(
    'is held for less than half a millisecond: %s',
    async (name) => {
      const { launches, steps } = await measureNullApiTime(findWorkload(name), [1, 16]);
      console.log(
        steps
          .map(({ stepsPerSubmit, medianMs, bestMs, apiMs }) => {
            const times = [medianMs, bestMs, apiMs].map((ms) => ms.toFixed(3)).join(', ');
            return `${name}, ${stepsPerSubmit} a submit: ${times} ms (held, best, in API calls)`;
          })
          .join('\n'),
      );
      // Forward, loss, backward and optimizer are there, and each is a dispatch that was really made.
      expect(launches).toBeGreaterThanOrEqual(10);
      for (const cost of steps) {
        expect(cost).toMatchObject({ dispatches: launches, buffersCreated: 0, bytesUploaded: 0 });
        expect(cost.submits * cost.stepsPerSubmit).toBe(
          submits[cost.stepsPerSubmit as keyof typeof submits],
        );
        expect(cost.apiMs).toBeGreaterThan(0);
        expect(Math.min(cost.medianMs, cost.apiMs)).toBeGreaterThan(1e-4 * launches);
        expect(cost.bestMs).toBeLessThan(mostMs[cost.stepsPerSubmit as keyof typeof mostMs]);
      }
    },
  );
});
