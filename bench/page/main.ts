import { loaders, loadPlot } from 'virtual:gatefold-bench-peers';
import type { GpuRealm } from '../counters.ts';
import { type Examination, examine } from '../examine.ts';
import type { Effort } from '../interleave.ts';
import { type PeerName, peerNames } from '../peer.ts';
import { runWorkload, type WorkloadRun } from '../run-workload.ts';
import { openFrame } from './frames.ts';
import { startPage } from './visit.ts';

declare global {
  interface Window {
    /** What `npm run bench` calls from outside. */
    bench: {
      examine(): Promise<Examination>;
      runWorkload(name: string, peers: readonly PeerName[], effort: Effort): Promise<WorkloadRun>;
    };
    /** Where there is somebody outside, takes lines on what happens. */
    reportToBench?: (text: string) => void;
  }
}

const reportOutside = (text: string): void => window.reportToBench?.(text);

window.bench = {
  examine: () => examine(window as unknown as GpuRealm, reportOutside),
  runWorkload: (name, peers, effort) => runWorkload(name, peers, effort, openFrame, reportOutside),
};

startPage({
  peers: peerNames.filter((name) => name in loaders),
  loadPlot,
  examine: (report) => examine(window as unknown as GpuRealm, report),
  runWorkload: (name, peers, effort, report) => runWorkload(name, peers, effort, openFrame, report),
});
