import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logAdapter } from '../support/adapter-log.ts';
import { type Bundle, bundleModule } from '../support/bundle.ts';
import { launchChrome } from '../support/chrome.ts';
import { findFirefox, launchFirefox } from '../support/firefox.ts';
import { type StaticServer, serveFolder } from '../support/static-server.ts';
import type { SharedCasesPage } from './shared-cases.page.ts';

const launchers: Record<string, () => Promise<Browser>> = { Chromium: launchChrome };
const firefox = findFirefox();
if (firefox) launchers.Firefox = () => launchFirefox(firefox);
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

describe.each(Object.entries(launchers))('the shared device cases in %s', (_, launch) => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launch();
  });

  afterAll(async () => {
    await browser?.close();
  });

  it.each(['runInPage', 'runInWorker'] as const)('%s: all pass on software', async (run) => {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction((name) => name in globalThis, {}, run);
    const report = await page.evaluate(
      (name) => (globalThis as unknown as SharedCasesPage)[name](),
      run,
    );
    logAdapter(`${report.adapter}, ${await browser.version()}`);
    const failures = report.results.filter(({ error }) => error !== undefined);
    expect(failures).toEqual([]);
    expect(report.results.length).toBeGreaterThan(4);
    expect(report.software).toBe(true);
    await page.close();
  });
});
