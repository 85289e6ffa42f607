import { loaders } from 'virtual:gatefold-bench-peers';
import { type GpuRealm, type GpuWatch, watchGpu } from '../counters.ts';
import type { Peer, PeerName } from '../peer.ts';

/** What a frame offers the page that made it. */
export interface FrameContent {
  readonly peer: Peer;
  readonly watch: GpuWatch;
}

declare global {
  interface Window {
    /** Loads the peer of this frame. */
    openPeer?: (name: PeerName) => Promise<FrameContent>;
  }
}

// Before any library is loaded: all of its calls are to be counted.
const watch = watchGpu(globalThis as unknown as GpuRealm);

window.openPeer = async (name) => {
  const load = loaders[name];
  if (!load) throw new Error(`'${name}' is not part of this build of the bench.`);
  return { peer: await load(), watch };
};
