/**
 * The Deno tier: bundles every `*.deno.ts` beside this file and runs it in Deno on a software
 * adapter. Such a file prints, as its last line, `{ "adapter", "passed", "failed", "skipped" }` as JSON.
 *
 * The adapter is Mesa's lavapipe, which has `shader-f16`, where it is installed, else SwiftShader; what is
 * named `trainings` runs on SwiftShader. `node test/deno/run.mjs full` runs everything, `quick` leaves out the
 * `.full.` files, and `rest` runs nothing else. Prints a JSON line for each adapter; exits with 1 where
 * something failed or nothing ran.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';

register();
const { extractSoftwareAdapter } = await import('../../src/device/software-package.ts');
const { bundleModule } = await import('../support/bundle.ts');

const limitMs = 480_000;
/** Deno builds pipelines on one thread: processes share the cases between them. */
const parts = Math.min(2, availableParallelism());
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
 * A driver, and what of its own it has to run.
 *
 * @typedef {{ name: string, expected: RegExp, environment: Record<string, string> }} Driver
 * @typedef {{ driver: Driver, module: string, part: string }} Job
 */

/** @param {Job} job */
async function runJob({ driver, module, part }) {
  const { name, expected, environment } = driver;
  const result = await runDeno(module, { ...environment, GATEFOLD_CASES_PART: part });
  if (result.failed === 0 && !expected.test(result.adapter)) {
    console.error(`FAIL deno: the adapter is '${result.adapter}', expected ${name}.`);
    result.failed += 1;
  }
  return { name, ...result };
}

/** Runs jobs, as many at a time as there are parts. @param {Job[]} jobs */
async function runJobs(jobs) {
  const results = [];
  const work = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) results.push(await runJob(job));
  };
  await Promise.all(Array.from({ length: parts }, work));
  return results;
}

/** @returns {Promise<Driver | undefined>} */
async function findLavapipe() {
  const drivers = '/usr/share/vulkan/icd.d';
  const names = await readdir(drivers).catch(() => []);
  const found = names.find((file) => /^lvp_icd.*\.json$/.test(file));
  if (!found) return undefined;
  const file = join(drivers, found);
  const environment = { VK_DRIVER_FILES: file, VK_ICD_FILENAMES: file };
  return { name: 'lavapipe', expected: /llvmpipe/, environment };
}

/** @returns {Promise<Driver>} */
async function findSwiftShader() {
  const files = await extractSoftwareAdapter();
  const environment = { ...files.driver, LD_LIBRARY_PATH: files.folder };
  return { name: 'SwiftShader', expected: /SwiftShader/, environment };
}

const selection = process.argv[2] ?? 'full';
const lavapipe = await findLavapipe();
if (!lavapipe) {
  const notRun = 'lavapipe (mesa-vulkan-drivers is not installed)';
  console.log(JSON.stringify({ tier: 'deno', notRun }));
}
const swiftShader = await findSwiftShader();

/** @param {string} name */
function isWanted(name) {
  return selection === 'full' || (selection === 'rest') === name.includes('.full.');
}

const names = (await readdir(folder))
  .filter((name) => name.endsWith('.deno.ts') && isWanted(name))
  .sort();
const bundles = [];
const jobs = [];
for (const name of names) {
  const bundle = await bundleModule(join(folder, name));
  bundles.push(bundle);
  const module = join(bundle.folder, bundle.entry);
  const driver = lavapipe && !name.startsWith('trainings') ? lavapipe : swiftShader;
  for (let part = 0; part < parts; part++) jobs.push({ driver, module, part: `${part}/${parts}` });
}
const rows = new Map();
try {
  for (const { name, adapter, passed, failed, skipped } of await runJobs(jobs)) {
    const row = rows.get(name) ?? { tier: 'deno', adapter, passed: 0, failed: 0, skipped: 0 };
    row.passed += passed;
    row.failed += failed;
    row.skipped += skipped;
    rows.set(name, { ...row, adapter: row.adapter || adapter });
  }
} finally {
  for (const bundle of bundles) await bundle.dispose();
}
for (const row of rows.values()) console.log(JSON.stringify(row));
const isGood = [...rows.values()].every(({ passed, failed }) => passed > 0 && failed === 0);
process.exitCode = rows.size > 0 && isGood ? 0 : 1;
