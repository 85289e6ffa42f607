import type { Limits } from './limits.ts';

/** Work of one step or call, as `measurePlan` of the library counts it. */
export interface WorkTotals {
  readonly flops: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly dispatches: number;
}

/** The least time that some work takes on an adapter, and what it is made of; all in ms. */
export interface Floor {
  /** FLOPs at the rolled-loop rate. */
  readonly computeMs: number;
  /** Bytes at copy bandwidth. */
  readonly memoryMs: number;
  /** Dispatches one after another. */
  readonly dispatchMs: number;
  /** Submits that are waited for. */
  readonly waitMs: number;
  /** max(compute, memory) + dispatch + wait. */
  readonly totalMs: number;
}

/**
 * The floor of a plan: what it would take if arithmetic ran at the rolled-loop rate, memory at copy
 * bandwidth and both at once, and dispatches cost what an empty one costs:
 *
 *     max(flops / rolled, (read + written) / copy) + dispatches · dispatch + waits · round trip
 *
 * FLOPs are those of the algorithm (a gather counts none), bytes those that each launch must read and write
 * once. It is a yardstick and not a law: loops unrolled by hand can pass the rolled-loop rate, and no
 * kernel here spends its loads at the speed of a copy.
 *
 * @param waits - Submits whose result is awaited in the time that is compared; 0 for work in a stream.
 */
export function floorOf(totals: WorkTotals, limits: Limits, waits = 0): Floor {
  const computeMs = totals.flops / (1e6 * limits.rolledGflops);
  const memoryMs = (totals.readBytes + totals.writtenBytes) / (1e6 * limits.copyGBps);
  const dispatchMs = (totals.dispatches * limits.dispatchUs) / 1e3;
  const waitMs = waits * limits.roundTripMs;
  const totalMs = Math.max(computeMs, memoryMs) + dispatchMs + waitMs;
  return { computeMs, memoryMs, dispatchMs, waitMs, totalMs };
}
