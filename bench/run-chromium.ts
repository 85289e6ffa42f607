import { openPage } from './chromium.ts';
import { arePeersInstalled, installPeers } from './install-peers.ts';
import { describeLimits } from './limits.ts';
import type { BenchOptions } from './options.ts';
import { peerNames } from './peer.ts';
import { makeReport } from './report.ts';
import { failedResult, type LeftOut, type Result } from './results.ts';
import { StatusLine } from './status-line.ts';
import { describeResults } from './text.ts';
import { describeWorkload, findWorkload } from './workloads.ts';
import { writeReport } from './write-report.ts';

/** A step of a peer that takes longer than this has failed. */
const stepLimitMs = 300_000;

/**
 * Runs peers in turn in one headless Chromium and writes what comes out.
 *
 * @returns whether every peer computed what it should.
 */
export async function run(options: BenchOptions): Promise<boolean> {
  const peers = options.peers ?? peerNames;
  if (peers.some((name) => name !== 'gatefold')) await installPeers();
  const status = new StatusLine();
  const page = await openPage((text) => status.show(text));
  const results: Result[] = [];
  const leftOut: LeftOut[] = [];
  const differences: string[] = [];
  try {
    status.show('measuring what the adapter can do');
    const { machine, limits } = await page.examine();
    status.clear();
    console.log(
      `${machine.adapter}; ${machine.runtime}; ${machine.processor}, ${machine.cores} cores`,
    );
    console.log(describeLimits(limits));
    const effort = {
      repetitions: options.repetitions,
      budgetMs: 1000 * options.budgetSeconds,
      limitMs: stepLimitMs,
    };
    for (const name of options.workloads) {
      const workload = findWorkload(name);
      console.log(`\n${name}: ${describeWorkload(workload)}`);
      try {
        const found = await page.run(name, peers, effort);
        results.push(...found.results);
        leftOut.push(...found.leftOut);
        differences.push(...found.differences);
        status.clear();
        console.log(describeResults(found.results, found.leftOut));
      } catch (error) {
        status.clear();
        const failed = peers.map((peer) => failedResult(workload, peer, error));
        results.push(...failed);
        console.log(describeResults(failed, []));
      }
    }
    const report = makeReport({
      name: machine.isSoftware ? 'chromium-software' : 'chromium',
      machine,
      repetitions: options.repetitions,
      budgetSeconds: options.budgetSeconds,
      limits,
      workloads: options.workloads.map(findWorkload),
      results,
      leftOut,
      differences,
    });
    await writeReport(report, options.json, arePeersInstalled());
  } finally {
    status.clear();
    await page.close();
  }
  return results.every(({ check }) => check === 'ok');
}
