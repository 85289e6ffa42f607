import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { logAdapter } from '../support/adapter-log.ts';
import { type Bundle, bundleModule } from '../support/bundle.ts';
import { launchChrome } from '../support/chrome.ts';
import { type StaticServer, serveFolder } from '../support/static-server.ts';
import type { TuningPage } from './tuning.page.ts';

let bundle: Bundle;
let server: StaticServer;
let browser: Browser;

beforeAll(async () => {
  bundle = await bundleModule(fileURLToPath(new URL('./tuning.page.ts', import.meta.url)));
  server = await serveFolder(bundle.folder, {
    '/index.html': `<!doctype html><title>tuning</title><script type="module" src="${bundle.entry}"></script>`,
  });
  browser = await launchChrome();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await bundle?.dispose();
});

/** Tunes in a page of its own. */
async function tuneInPage() {
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.waitForFunction(() => 'tuneTwice' in globalThis);
  const report = await page.evaluate(() => (globalThis as unknown as TuningPage).tuneTwice());
  await page.close();
  return report;
}

it('what a page measures is kept in IndexedDB, for the next call and the next page', async () => {
  const report = await tuneInPage();
  logAdapter(`${report.adapter}, ${await browser.version()}`);
  expect(report.messages.filter((message) => message.includes('kept'))).toEqual([]);
  expect(report.before).toBeUndefined();
  expect(report.first.length).toBeGreaterThan(0);
  expect(report.second).toEqual(expect.arrayContaining([...report.first]));
  expect(report.isKept).toBe(true);
  const next = await tuneInPage();
  expect(next.before).toEqual(report.second);
});
