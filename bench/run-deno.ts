import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { extractSoftwareAdapter } from '../src/device/software-package.ts';
import { bundleClient, type DenoClient, startClient } from './deno/start.ts';
import { installPeers } from './install-peers.ts';
import type { BenchOptions } from './options.ts';
import type { PeerName } from './peer.ts';
import type { Report } from './report.ts';
import { completeMachine, type Host, isRight, runSession } from './session.ts';
import { StatusLine } from './status-line.ts';
import { writeReports } from './write-report.ts';

/** A Vulkan driver, and how Deno is told to use it. */
interface Driver {
  readonly name: string;
  /** The adapter that must then be there: without a usable driver wgpu silently takes another. */
  readonly expected: RegExp;
  readonly environment: Readonly<Record<string, string>>;
}

const peersInDeno: readonly PeerName[] = ['gatefold', 'gatefold-tuned', 'jax-webgpu'];

/**
 * Runs Gatefold, with built-in and with measured kernel shapes, and jax-js under Deno, on lavapipe where it is installed and on SwiftShader.
 *
 * @returns whether everything was computed right.
 */
export async function run(options: BenchOptions): Promise<boolean> {
  const peers = options.peers ?? peersInDeno;
  const other = peers.find((name) => !peersInDeno.includes(name));
  if (other !== undefined) {
    throw new Error(
      `--device deno runs ${peersInDeno.join(', ')}, not '${other}'. Leave out --peers, or the others.`,
    );
  }
  if (peers.includes('jax-webgpu')) await installPeers();
  const client = await bundleClient();
  const reports: Report[] = [];
  const notRun: string[] = [];
  try {
    const lavapipe = await findLavapipe();
    if (lavapipe) {
      reports.push(await runOn(lavapipe, client.entry, peers, options));
    } else {
      notRun.push(
        'lavapipe, since mesa-vulkan-drivers is not installed (/usr/share/vulkan/icd.d).',
      );
      console.log(`NOT RUN: ${notRun[0]}`);
    }
    reports.push(await runOn(await findSwiftShader(), client.entry, peers, options));
  } finally {
    await client.remove();
  }
  await writeReports({ file: 'deno', reports, notRun }, options);
  return reports.every(isRight);
}

async function runOn(
  driver: Driver,
  entry: string,
  peers: readonly PeerName[],
  options: BenchOptions,
): Promise<Report> {
  console.log(`\n── Deno on ${driver.name}`);
  const status = new StatusLine();
  const start = (): Promise<DenoClient> =>
    startClient(entry, driver.environment, (text) => status.show(text));
  let client = await start();
  const host: Host = {
    name: driver.name,
    peers,
    examine: async () => {
      const reply = await client.ask({ kind: 'examine' });
      if (reply.kind !== 'examined') throw new Error(`Deno answers '${reply.kind}' to 'examine'.`);
      const { machine } = reply.examination;
      if (!driver.expected.test(machine.adapter)) {
        throw new Error(
          `the adapter in Deno is '${machine.adapter}', expected ${driver.name}. wgpu takes another ` +
            'where the driver cannot be used: see that its files are there.',
        );
      }
      return { ...reply.examination, machine: completeMachine(machine, machine.runtime) };
    },
    run: async (workload, names, effort) => {
      try {
        const reply = await client.ask({ kind: 'run', workload, peers: names, effort });
        if (reply.kind !== 'done') throw new Error(`Deno answers '${reply.kind}' to 'run'.`);
        return reply.run;
      } catch (error) {
        // It has ended or is in a state that nobody knows: the next workload gets a new one.
        await client.close();
        client = await start();
        throw error;
      }
    },
  };
  try {
    return await runSession(host, options, status);
  } finally {
    status.clear();
    await client.close();
  }
}

async function findLavapipe(): Promise<Driver | undefined> {
  const folder = '/usr/share/vulkan/icd.d';
  const names = await readdir(folder).catch(() => []);
  const name = names.find((file) => /^lvp_icd.*\.json$/.test(file));
  if (name === undefined) return undefined;
  const path = join(folder, name);
  const environment = { VK_DRIVER_FILES: path, VK_ICD_FILENAMES: path };
  return { name: 'lavapipe', expected: /llvmpipe/, environment };
}

async function findSwiftShader(): Promise<Driver> {
  const { driver, folder } = await extractSoftwareAdapter();
  const environment = { ...driver, LD_LIBRARY_PATH: folder };
  return { name: 'SwiftShader', expected: /SwiftShader/, environment };
}
