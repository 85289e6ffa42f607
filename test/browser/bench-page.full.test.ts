import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer';
import type { PreviewServer } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { servePage } from '../../bench/chromium.ts';
import { launchChrome } from '../support/chrome.ts';

let folder: string;
let server: PreviewServer;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-bench-'));
  const served = await servePage(0);
  server = served.server;
  browser = await launchChrome();
  const allowed = ['clipboard-read', 'clipboard-sanitized-write'] as const;
  await browser
    .defaultBrowserContext()
    .overridePermissions(new URL(served.url).origin, [...allowed]);
  page = await browser.newPage();
  const client = await page.createCDPSession();
  await client.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
  await page.goto(served.url);
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

it("the bench's page refuses an empty choice, stops when asked, and hands out its results", async () => {
  await choose([]);
  await page.click('#start');
  expect(await textOf('#problem')).toBe('No workload is chosen. Choose one at least.');

  await choose(['hello', 'char-s', 'gatefold']);
  await page.$eval('[name=budget]', (field) => {
    (field as HTMLInputElement).value = '2';
  });
  await page.click('#start');
  await page.waitForFunction(
    () => document.querySelector('#status')?.textContent?.startsWith('char-s (2 of 2)'),
    { timeout: 180_000 },
  );
  await page.click('#stop');
  await page.waitForSelector('#start:not([disabled])', { timeout: 60_000 });
  expect(await textOf('#status')).toBe('stopped; workloads that were finished are shown');
  expect(await textOf('#problem')).toBe('');
  expect(await textOf('#table')).toContain('hello');
  expect(await textOf('#table')).not.toContain('char-s');

  await page.bringToFront();
  await page.click('#copy');
  await page.waitForFunction(() => document.querySelector('#copied')?.textContent === 'copied');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const { results } = JSON.parse(copied) as { results: object[] };
  expect(results).toMatchObject([{ workload: 'hello', peer: 'gatefold', check: 'ok' }]);

  await page.click('#download');
  const findFile = async () => (await readdir(folder)).find((file) => file.endsWith('.json'));
  await expect.poll(findFile).toMatch(/^gatefold-bench-\d{4}-\d\d-\d\d\.json$/);
  expect(await readFile(join(folder, (await findFile()) as string), 'utf8')).toBe(copied);
}, 300_000);

/** Ticks the boxes of these workloads and peers, and no others. */
async function choose(names: readonly string[]): Promise<void> {
  await page.$$eval(
    '#settings [type=checkbox]',
    (boxes, wanted) => {
      for (const box of boxes as HTMLInputElement[]) box.checked = wanted.includes(box.value);
    },
    names,
  );
}

function textOf(selector: string): Promise<string> {
  return page.$eval(selector, (element) => element.textContent ?? '');
}
