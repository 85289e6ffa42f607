import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaseSelection } from '../device-cases/all.ts';
import type { CaseReport } from '../device-cases/report.ts';
import { logAdapter } from '../support/adapter-log.ts';
import { type Bundle, bundleModule } from '../support/bundle.ts';
import { launchChrome } from '../support/chrome.ts';
import { findFirefox, findFirefoxObstacle, launchFirefox } from '../support/firefox.ts';
import { type StaticServer, serveFolder } from '../support/static-server.ts';
import type { SharedCasesPage } from './shared-cases.page.ts';

/** A browser builds pipelines on one thread: this many Chromiums share the cases between them. */
const chromiums = Math.min(2, availableParallelism());

/** Where shared cases run, and which. */
export interface BrowserRun {
  readonly browser: 'Chromium' | 'Firefox';
  readonly where: 'page' | 'worker';
  readonly cases: CaseSelection;
}

/**
 * Defines a test per run. Runs in Firefox are left out, and said to be, where it is not installed.
 */
export function testSharedCases(runs: readonly BrowserRun[]): void {
  const firefox = findFirefox();
  const launchers: Record<BrowserRun['browser'], (() => Promise<Browser>) | undefined> = {
    Chromium: () => launchChrome(),
    Firefox: firefox === undefined ? undefined : () => launchFirefox(firefox),
  };
  if (firefox === undefined) logAdapter('NOT RUN: Firefox (firefox-esr is not installed)');

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

  for (const name of ['Chromium', 'Firefox'] as const) {
    const launch = launchers[name];
    const own = runs.filter((run) => run.browser === name);
    if (!launch || own.length === 0) continue;
    describe(`the shared device cases in ${name}`, () => {
      let browsers: Browser[] = [];

      beforeAll(async () => {
        const count = name === 'Chromium' ? chromiums : 1;
        browsers = await Promise.all(Array.from({ length: count }, launch));
      });

      afterAll(() => Promise.all(browsers.map((browser) => browser.close())));

      for (const { where, cases } of own) {
        it(`in a ${where}: all pass on software`, async ({ skip }) => {
          const [first] = browsers;
          const obstacle =
            name === 'Firefox' && first ? await findFirefoxObstacle(first, server.url) : undefined;
          if (obstacle !== undefined) {
            logAdapter(`NOT RUN: ${obstacle}`);
            skip(obstacle);
          }
          const runs = browsers.map((browser, part) =>
            runPart(browser, server.url, where, cases, `${part}/${browsers.length}`),
          );
          const reports = await Promise.all(runs);
          const results = reports.flatMap((report) => report.results);
          const skipped = results.flatMap(({ skipped: why }) => why ?? []);
          for (const why of new Set(skipped)) {
            logAdapter(`NOT RUN: ${skipped.length} cases in ${name} (${why})`);
          }
          expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
          expect(results.length).toBeGreaterThan(skipped.length);
        });
      }
    });
  }
}

/** Runs every nth of the cases in a page of its own. */
async function runPart(
  browser: Browser,
  url: string,
  where: BrowserRun['where'],
  cases: CaseSelection,
  part: string,
): Promise<CaseReport> {
  const run = where === 'page' ? ('runInPage' as const) : ('runInWorker' as const);
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForFunction((name) => name in globalThis, {}, run);
  const report = await page.evaluate(
    (name, ...given) => (globalThis as unknown as SharedCasesPage)[name](...given),
    run,
    cases,
    part,
  );
  logAdapter(`${report.adapter}, ${await browser.version()}`);
  expect(report.software).toBe(true);
  await page.close();
  return report;
}
