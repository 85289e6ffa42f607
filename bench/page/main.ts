import type { Effort } from '../interleave.ts';
import type { PeerName } from '../peer.ts';
import { examine, runWorkload, type WorkloadRun } from './driver.ts';

declare global {
  interface Window {
    /** What `npm run bench` calls from outside. */
    bench: {
      readonly examine: typeof examine;
      runWorkload(name: string, peers: readonly PeerName[], effort: Effort): Promise<WorkloadRun>;
    };
    /** Where there is somebody outside, takes lines on what happens. */
    reportToBench?: (text: string) => void;
  }
}

window.bench = {
  examine,
  runWorkload: (name, peers, effort) =>
    runWorkload(name, peers, effort, (text) => window.reportToBench?.(text)),
};
