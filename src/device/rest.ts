import type { DeviceInfo } from './adapter.ts';

/** Is told of all that is waited for. */
export type Rest = (work: Promise<unknown>) => void;

/** Waiting this long for the device, the thread begins to rest. */
const PATIENCE_MS = 0.2;
/** Longest rest: what else the process does is held up no longer. */
const LONGEST_REST_MS = 1;
/** A rest is this share of the time waited so far, so a result comes hardly later for it. */
const REST_SHARE = 1 / 16;

let waiting = 0;
let isTurning = false;
let since = 0;
let never: Int32Array | undefined;

/** How to wait for an adapter: Node's thread rests for one that computes on the same cores. */
export function restFor({ runtime, software }: DeviceInfo): Rest {
  return runtime === 'node' && software ? restUntil : () => undefined;
}

/**
 * Lets Node's thread rest until `work` has settled.
 *
 * As long as anything is under way Dawn asks for results in every turn of the event loop, which takes a whole core.
 * A software adapter computes on the same cores: on two of them it took twice as long. So in each turn the thread
 * sleeps a little, longer the longer nothing has come back.
 */
function restUntil(work: Promise<unknown>): void {
  waiting += 1;
  const end = (): void => {
    waiting -= 1;
    since = performance.now();
  };
  work.then(end, end);
  if (isTurning) return;
  isTurning = true;
  since = performance.now();
  setImmediate(turn);
}

function turn(): void {
  isTurning = waiting > 0;
  if (!isTurning) return;
  const waited = performance.now() - since;
  if (waited > PATIENCE_MS) {
    never ??= new Int32Array(new SharedArrayBuffer(4));
    Atomics.wait(never, 0, 0, Math.min(LONGEST_REST_MS, waited * REST_SHARE));
  }
  setImmediate(turn);
}
