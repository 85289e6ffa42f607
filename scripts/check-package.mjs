/** Packs the package as it would be published, and has publint and arethetypeswrong look at it. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary, runNode, runNpm } from './bootstrap.mjs';

const folder = mkdtempSync(join(tmpdir(), 'gatefold-pack-'));
try {
  const packed = await runNpm([
    'pack',
    '--silent',
    '--ignore-scripts',
    '--pack-destination',
    folder,
  ]);
  const [name] = readdirSync(folder);
  if (packed !== 0 || name === undefined) throw new Error(`npm pack ended with status ${packed}.`);
  const tarball = join(folder, name);
  const publint = await runNode([binary('publint'), 'run', tarball, '--strict']);
  const attw = await runNode([
    binary('@arethetypeswrong/cli', 'attw'),
    tarball,
    '--profile',
    'esm-only',
  ]);
  process.exitCode = publint === 0 && attw === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
