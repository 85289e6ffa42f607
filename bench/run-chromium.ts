import { openPage } from './chromium.ts';
import { installPeers } from './install-peers.ts';
import type { BenchOptions } from './options.ts';
import { usualPeers } from './peer.ts';
import { isRight, runSession } from './session.ts';
import { StatusLine } from './status-line.ts';
import { fileNameOf, writeReports } from './write-report.ts';

/**
 * Runs peers in turn in one headless Chromium and writes what comes out.
 *
 * @returns whether every peer computed what it should.
 */
export async function run(options: BenchOptions): Promise<boolean> {
  const peers = options.peers ?? usualPeers;
  if (peers.some((name) => !name.startsWith('gatefold'))) await installPeers();
  const status = new StatusLine();
  const page = await openPage((text) => status.show(text));
  try {
    const report = await runSession({ name: 'chromium', peers, ...page }, options, status);
    await writeReports({ file: fileNameOf(report), reports: [report] }, options);
    return isRight(report);
  } finally {
    status.clear();
    await page.close();
  }
}
