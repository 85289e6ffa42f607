/**
 * `npm test`: installs and builds what is missing, runs every tier of tests and prints how many ran
 * on which adapter. `npm test -- unit device` runs only the tiers named.
 *
 * `npm run test:full` (`--full`) also runs what `npm test` leaves out: files that end in `.full.test.ts` or
 * `.full.deno.ts`, which run the device cases with `full: true`. With `--rest` it runs nothing else, so that
 * both commands together run everything once.
 *
 * A tier tells its adapters by appending lines to the file that GATEFOLD_ADAPTER_LOG names: the
 * adapter's description, or `NOT RUN: what (why)` for an optional part that could not run.
 * test/deno/run.mjs prints a JSON line for each of its runs instead:
 * `{"tier":"deno","adapter":"…","passed":1,"failed":0}` or `{"tier":"deno","notRun":"why"}`.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { binary, prepare, root, runNode } from './bootstrap.mjs';

/** Every tier is required: one that ran no test fails the command. */
const tiers = ['unit', 'device', 'deno', 'browser', 'parity', 'package'];

/** Tiers that run on a GPU adapter have to say on which. */
const tiersWithAdapter = new Set(['device', 'deno', 'browser', 'parity']);

const plainOutput = process.stdout.isTTY ? {} : { NO_COLOR: '1' };

/**
 * Tests of one tier on one adapter, and a whole tier: its rows and the exit status of its runner.
 *
 * @typedef {{ tier: string, adapter: string, passed: number, failed: number, skipped: number,
 *   seconds?: string }} Row
 * @typedef {{ rows: Row[], status: number }} TierResult
 */

/** Runs a vitest project and counts its tests. @returns {Promise<TierResult>} */
async function runVitestTier(tier, selection, folder) {
  const reportFile = join(folder, `${tier}.json`);
  const adapterLog = join(folder, `${tier}.adapters`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const status = await runNode([binary('vitest'), 'run', '--project', tier, ...reporters], {
    // With CI set, vitest fails on a missing snapshot instead of writing it.
    env: {
      CI: 'true',
      ...plainOutput,
      ...process.env,
      GATEFOLD_ADAPTER_LOG: adapterLog,
      GATEFOLD_TESTS: selection,
    },
  });
  const report = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, 'utf8')) : {};
  const lines = existsSync(adapterLog) ? readFileSync(adapterLog, 'utf8').split('\n') : [];
  const notes = [...new Set(lines.map((line) => line.trim()).filter(Boolean))];
  const isNotRun = (note) => note.startsWith('NOT RUN');
  const row = {
    tier,
    adapter: notes.filter((note) => !isNotRun(note)).join(' | '),
    passed: report.numPassedTests ?? 0,
    failed: report.numFailedTests ?? 0,
    skipped: (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0),
  };
  return { rows: [row, ...notes.filter(isNotRun).map((note) => emptyRow(tier, note))], status };
}

/** Runs the tests under Deno and collects the JSON lines they print. @returns {Promise<TierResult>} */
async function runDenoTier(selection) {
  const child = spawn(process.execPath, [join('test', 'deno', 'run.mjs'), selection], {
    cwd: root,
    env: { ...plainOutput, ...process.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((done) => child.on('close', (status) => done(status ?? 1)));
  const rows = [];
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    const result = parseResult(line);
    if (result?.notRun) rows.push(emptyRow(result.tier, `NOT RUN: ${result.notRun}`));
    else if (result) rows.push({ ...emptyRow(result.tier), ...result });
  }
  return { rows, status: await ended };
}

function emptyRow(tier, adapter = '') {
  return { tier, adapter, passed: 0, failed: 0, skipped: 0 };
}

function parseResult(line) {
  if (!line.startsWith('{"tier":')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** What is wrong with a tier beyond its failed tests. @returns {string[]} */
function findGaps(tier, { rows, status }) {
  const gaps = [];
  const ran = rows.filter(({ passed, failed }) => passed + failed > 0);
  if (ran.length === 0) gaps.push(`${tier}: no test ran, expected at least one.`);
  else if (status !== 0 && rows.every(({ failed }) => failed === 0)) {
    gaps.push(`${tier}: ended with status ${status} because of an error outside of its tests.`);
  }
  if (tiersWithAdapter.has(tier) && ran.some(({ adapter, passed }) => passed > 0 && !adapter)) {
    gaps.push(`${tier}: the tests did not say on which adapter they ran.`);
  }
  return gaps;
}

/** @param {readonly Row[]} rows */
function printTable(rows) {
  const header = ['tier', 'passed', 'failed', 'skipped', 'seconds', 'adapter'];
  const cells = rows.map((row) => header.map((key) => String(row[key] ?? '')));
  const widths = header.map((key, i) => Math.max(key.length, ...cells.map((row) => row[i].length)));
  for (const row of [header, ...cells]) {
    console.log(
      row
        .map((cell, i) => (i > 0 && i < 5 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
        .join('  ')
        .trimEnd(),
    );
  }
}

const selections = {
  quick: 'what npm test runs; npm run test:full runs the rest as well',
  full: 'everything',
  rest: 'only what npm test leaves out',
};

/** Whether a tier has tests that `npm test` leaves out. */
function hasMore(tier) {
  return readdirSync(join(root, 'test', tier), { recursive: true }).some((name) =>
    /\.full\.(test|deno)\.ts$/.test(name),
  );
}

/** @returns {{ selection: keyof typeof selections, asked: string[] }} */
function readArguments() {
  const flag = { type: 'boolean', default: false };
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { full: flag, rest: flag },
    });
    const unknown = positionals.filter((name) => !tiers.includes(name));
    if (unknown.length > 0) throw new Error(`unknown tier ${unknown.join(', ')}`);
    const selection = values.rest ? 'rest' : values.full ? 'full' : 'quick';
    const all = selection === 'rest' ? tiers.filter(hasMore) : tiers;
    return { selection, asked: positionals.length > 0 ? positionals : all };
  } catch (error) {
    console.error(`npm test: ${error.message}. Tiers: ${tiers.join(', ')}.`);
    process.exit(2);
  }
}

async function main() {
  const { selection, asked } = readArguments();
  await prepare();

  const folder = mkdtempSync(join(tmpdir(), 'gatefold-test-'));
  const rows = [];
  const gaps = [];
  try {
    for (const tier of asked) {
      console.log(`\n── ${tier}`);
      const start = performance.now();
      const result =
        tier === 'deno'
          ? await runDenoTier(selection)
          : await runVitestTier(tier, selection, folder);
      const [first] = result.rows;
      if (first) first.seconds = ((performance.now() - start) / 1000).toFixed(1);
      rows.push(...result.rows);
      gaps.push(...findGaps(tier, result));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }

  console.log();
  printTable(rows);
  for (const gap of gaps) console.log(gap);
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  const failed = sum('failed') + gaps.length;
  const skipped = sum('skipped');
  console.log(`\nselection: ${selection}, ${selections[selection]}`);
  console.log(
    `${sum('passed')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
  );
  process.exitCode = failed > 0 ? 1 : 0;
}

await main();
