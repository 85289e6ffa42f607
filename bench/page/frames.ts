import type { Contender } from '../interleave.ts';
import type { PeerName } from '../peer.ts';

const loadLimitMs = 60_000;

/** Opens a frame for a peer: a realm of its own, so that only its calls are counted. */
export async function openFrame(name: PeerName): Promise<Contender> {
  const frame = document.createElement('iframe');
  frame.className = 'peer-frame';
  frame.title = `bench: ${name}`;
  frame.src = new URL('page/frame.html', document.baseURI).href;
  const loaded = new Promise<void>((resolve, reject) => {
    frame.addEventListener('load', () => resolve(), { once: true });
    setTimeout(() => reject(new Error(`the frame of ${name} did not load`)), loadLimitMs);
  });
  document.body.append(frame);
  const close = (): void => frame.remove();
  try {
    await loaded;
    const openPeer = frame.contentWindow?.openPeer;
    if (!openPeer) throw new Error(`the frame of ${name} has no code`);
    const { peer, watch } = await openPeer(name);
    return { name, peer, watch, ownsRealm: true, close };
  } catch (error) {
    close();
    throw error;
  }
}
