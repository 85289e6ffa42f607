import { servePage } from './chromium.ts';
import { installPeers } from './install-peers.ts';

/** Serves the bench's page until the process is ended. */
export async function serve(): Promise<void> {
  await installPeers();
  const { url } = await servePage(4173);
  console.log(`The bench is at ${url}  (Ctrl-C ends it)`);
}
