/** What run-deno.ts and the client in Deno say to each other: a line of JSON each, over stdin and stdout. */
import type { Examination } from '../examine.ts';
import type { Effort } from '../interleave.ts';
import type { PeerName } from '../peer.ts';
import type { WorkloadRun } from '../run-workload.ts';

/** To the client, which answers one request after the other. */
export type Request =
  | { readonly kind: 'examine' }
  | {
      readonly kind: 'run';
      readonly workload: string;
      readonly peers: readonly PeerName[];
      readonly effort: Effort;
    };

/** From the client: what is going on, or the answer. */
export type Reply =
  | { readonly kind: 'status'; readonly text: string }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'examined'; readonly examination: Examination }
  | { readonly kind: 'done'; readonly run: WorkloadRun };
