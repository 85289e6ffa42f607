import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logAdapter } from '../support/adapter-log.ts';
import { type Bundle, bundleModule } from '../support/bundle.ts';
import { launchChrome } from '../support/chrome.ts';
import { findFirefox, launchFirefox } from '../support/firefox.ts';
import { type StaticServer, serveFolder } from '../support/static-server.ts';
import type { SharedCasesPage } from './shared-cases.page.ts';

/** A browser, and which shared cases it runs: those whose names begin with `group`. */
interface Runtime {
  readonly launch: () => Promise<Browser>;
  readonly group: string;
}

const runtimes: Record<string, Runtime> = { Chromium: { launch: launchChrome, group: '' } };
const firefox = findFirefox();
// Firefox looks for finished GPU work ten times a second: whole trainings are few waits, many small cases
// would take minutes.
if (firefox) runtimes.Firefox = { launch: () => launchFirefox(firefox), group: 'topologies' };
else logAdapter('NOT RUN: Firefox (firefox-esr is not installed)');

let bundle: Bundle;
let server: StaticServer;

beforeAll(async () => {
  bundle = await bundleModule(fileURLToPath(new URL('./shared-cases.page.ts', import.meta.url)));
  server = await serveFolder(bundle.folder, {
    '/index.html': `<!doctype html><title>cases</title><script type="module" src="${bundle.entry}"></script>`,
  });
});

afterAll(async () => {
  await server?.close();
  await bundle?.dispose();
});

describe.each(Object.entries(runtimes))('the shared device cases in %s', (_, runtime) => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await runtime.launch();
  });

  afterAll(async () => {
    await browser?.close();
  });

  it.each(['runInPage', 'runInWorker'] as const)('%s: all pass on software', async (run) => {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction((name) => name in globalThis, {}, run);
    const report = await page.evaluate(
      (name, group) => (globalThis as unknown as SharedCasesPage)[name](group),
      run,
      runtime.group,
    );
    logAdapter(`${report.adapter}, ${await browser.version()}`);
    const skipped = report.results.flatMap(({ skipped: why }) => why ?? []);
    for (const why of new Set(skipped)) {
      logAdapter(`NOT RUN: ${skipped.length} cases in ${await browser.version()} (${why})`);
    }
    const failures = report.results.filter(({ error }) => error !== undefined);
    expect(failures).toEqual([]);
    expect(report.results.length).toBeGreaterThan(4);
    expect(report.software).toBe(true);
    await page.close();
  });
});
