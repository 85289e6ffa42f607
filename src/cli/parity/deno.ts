import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { extractSoftwareAdapter } from '../../device/software-package.ts';
import { OptionError } from '../../errors.ts';
import { findOptionalFile } from '../optional-package.ts';
import { findBuiltPackage } from './case-server.ts';

/** How Deno is started: of the npm package, else the one on the PATH. */
function findDeno(): readonly [string, ...string[]] {
  const script = findOptionalFile('deno/bin.cjs');
  if (script !== undefined) return [process.execPath, script];
  if (spawnSync('deno', ['--version'], { timeout: 10_000 }).status === 0) return ['deno'];
  throw new OptionError(
    '--device deno needs Deno, which is neither on the PATH nor installed as a package. ' +
      'Install it: npm install deno',
  );
}

/**
 * Starts Deno as the client of a case server.
 *
 * @param url - The server's address, the only one that Deno may reach.
 * @param software - Whether to point its Vulkan loader at the software adapter.
 * @param onEnd - Told once it has ended, with the last that it wrote to stderr.
 * @returns A function that ends it.
 */
export async function startDeno(
  url: string,
  software: boolean,
  onEnd: (reason: string) => void,
): Promise<() => Promise<void>> {
  const [command, ...before] = findDeno();
  const files = software ? await extractSoftwareAdapter() : undefined;
  const environment = files && { ...files.driver, LD_LIBRARY_PATH: files.folder };
  const entry = join(findBuiltPackage(), 'cli', 'parity', 'client-entry.js');
  const permissions = [`--allow-net=${new URL(url).host}`, '--no-prompt'];
  const isolation = ['--no-config', '--no-lock', '--no-remote', '--no-npm'];
  const child = spawn(command, [...before, 'run', ...permissions, ...isolation, entry, url], {
    env: { ...process.env, DENO_NO_UPDATE_CHECK: '1', ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2000);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      onEnd(`deno did not start: ${error.message}`);
      resolve();
    });
    child.once('close', (status, signal) => {
      onEnd(`deno ended with ${status ?? signal}: ${complaint.trim()}`);
      resolve();
    });
  });
  return async () => {
    child.kill();
    await ended;
  };
}
