import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

const folder = resolve(import.meta.dirname, 'peers');

/** Whether the packages that the bench compares with, and that draw its plot, are installed. */
export function arePeersInstalled(): boolean {
  return existsSync(resolve(folder, 'node_modules/.package-lock.json'));
}

/**
 * Installs the packages in bench/peers, unless they are there in the wanted versions.
 *
 * @throws {Error} if npm fails.
 */
export async function installPeers(): Promise<void> {
  if (await areUpToDate()) return;
  console.log(
    'Installing the packages that are compared (npm ci --prefix bench/peers), about 500 MB …',
  );
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status } = spawnSync(npm, ['ci', '--prefix', folder, '--no-audit', '--no-fund'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    throw new Error(`npm ci --prefix bench/peers ended with ${status}. Run it by hand to see why.`);
  }
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>;
}

/** Whether what npm has installed is what package-lock.json names. */
async function areUpToDate(): Promise<boolean> {
  if (!arePeersInstalled()) return false;
  const read = async (name: string): Promise<Lock> =>
    JSON.parse(await readFile(resolve(folder, name), 'utf8')) as Lock;
  const [wanted, installed] = await Promise.all([
    read('package-lock.json'),
    read('node_modules/.package-lock.json'),
  ]);
  return Object.entries(wanted.packages).every(
    ([path, { version }]) => path === '' || installed.packages[path]?.version === version,
  );
}
