/**
 * The Deno tier: bundles every `*.deno.ts` beside this file and runs it in Deno on a software
 * adapter. Such a file prints, as its last line, `{ "adapter", "passed", "failed", "skipped" }` as JSON.
 *
 * SwiftShader is required. Mesa's lavapipe is used as well where it is installed, since it has
 * `shader-f16`. Prints a JSON line for each of the two, SwiftShader's last; exits with 1 where something failed or nothing ran.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';

register();
const { extractSoftwareAdapter } = await import('../../src/device/software-package.ts');
const { bundleModule } = await import('../support/bundle.ts');

const limitMs = 480_000;
const folder = fileURLToPath(new URL('.', import.meta.url));
const denoPath = createRequire(import.meta.url).resolve('deno/bin.cjs');

/** @param {string} module @param {Record<string, string>} environment */
async function runDeno(module, environment) {
  const cache = await mkdtemp(join(tmpdir(), 'gatefold-deno-'));
  const child = spawn(
    process.execPath,
    [
      denoPath,
      'run',
      '--allow-env',
      '--no-prompt',
      '--no-config',
      '--no-remote',
      '--no-npm',
      module,
    ],
    {
      env: { ...process.env, DENO_DIR: cache, DENO_NO_UPDATE_CHECK: '1', ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: limitMs,
    },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (status, signal) => resolve(status ?? signal));
  });
  await rm(cache, { recursive: true, force: true });
  const lines = output.trimEnd().split('\n');
  process.stdout.write(`${lines.slice(0, -1).join('\n')}\n`);
  try {
    if (code !== 0) throw new Error(`Deno ended with ${code}`);
    return JSON.parse(lines.at(-1) ?? '');
  } catch (error) {
    console.error(`FAIL ${module}: ${error.message}\n${lines.at(-1)}`);
    return { adapter: '', passed: 0, failed: 1, skipped: 0 };
  }
}

/**
 * Runs every module on one driver.
 *
 * @param {string[]} modules
 * @param {{ name: string, expected: RegExp, environment: Record<string, string> }} driver
 */
async function runOn(modules, { name, expected, environment }) {
  const total = { tier: 'deno', adapter: '', passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    const { adapter, passed, failed, skipped } = await runDeno(module, environment);
    total.adapter = adapter || total.adapter;
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
    if (failed === 0 && !expected.test(adapter)) {
      console.error(`FAIL deno: the adapter is '${adapter}', expected ${name}.`);
      total.failed += 1;
    }
  }
  return total;
}

async function findLavapipe() {
  const drivers = '/usr/share/vulkan/icd.d';
  const names = await readdir(drivers).catch(() => []);
  const name = names.find((file) => /^lvp_icd.*\.json$/.test(file));
  return name && join(drivers, name);
}

const names = (await readdir(folder)).filter((name) => name.endsWith('.deno.ts')).sort();
const bundles = [];
for (const name of names) bundles.push(await bundleModule(join(folder, name)));
const modules = bundles.map(({ folder: target, entry }) => join(target, entry));
const totals = [];
try {
  const lavapipe = await findLavapipe();
  if (lavapipe) {
    const environment = { VK_DRIVER_FILES: lavapipe, VK_ICD_FILENAMES: lavapipe };
    totals.push(await runOn(modules, { name: 'lavapipe', expected: /llvmpipe/, environment }));
    console.log(JSON.stringify(totals[0]));
  } else {
    const notRun = 'lavapipe (mesa-vulkan-drivers is not installed)';
    console.log(JSON.stringify({ tier: 'deno', notRun }));
  }
  const files = await extractSoftwareAdapter();
  const environment = { ...files.driver, LD_LIBRARY_PATH: files.folder };
  totals.push(await runOn(modules, { name: 'SwiftShader', expected: /SwiftShader/, environment }));
} finally {
  for (const bundle of bundles) await bundle.dispose();
}
console.log(JSON.stringify(totals.at(-1)));
process.exitCode = totals.every(({ passed, failed }) => passed > 0 && failed === 0) ? 0 : 1;
