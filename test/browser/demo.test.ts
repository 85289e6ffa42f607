import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, ElementHandle, Page } from 'puppeteer';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { logAdapter } from '../support/adapter-log.ts';
import { launchChrome } from '../support/chrome.ts';
import { type StaticServer, serveFolder } from '../support/static-server.ts';

const configFile = fileURLToPath(new URL('../../demo/vite.config.ts', import.meta.url));
const statusPattern = /^step (\d+) · loss (\d+\.\d{3}) · ([\d,]+) tok\/s$/;
const ownText =
  'she sells sea shells by the sea shore; the shells she sells are sea shells. '.repeat(60);

let folder: string;
let server: StaticServer;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-demo-'));
  await build({
    configFile,
    logLevel: 'warn',
    // One folder down, to see that no address is absolute.
    build: { outDir: join(folder, 'some', 'path'), emptyOutDir: true },
  });
  server = await serveFolder(folder);
  browser = await launchChrome();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  complaints = [];
  page = await browser.newPage();
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
});

afterEach(async () => {
  await page.close();
});

describe('the page', () => {
  it('trains without stutter, pauses, goes on and samples', async () => {
    await open();
    logAdapter(`${await textOf('#adapter')}, ${await browser.version()}`);
    await observePage();
    await useOwnText(ownText);
    await setNumber('Hidden size', 24);
    await setNumber('Learning rate', 0.02);
    expect(await isEnabled('Sample')).toBe(false);

    await press('Train');
    const start = await waitForStatus(0);
    const later = await waitForStatus(start.step + 20);
    expect(later.loss).toBeLessThan(start.loss);
    expect(later.speed).toBeGreaterThan(0);

    await press('Pause');
    await page.waitForSelector('#train:enabled');
    await waitForQuiet();
    const paused = await readStatus();
    await sleep(1_200);
    expect(await readStatus()).toEqual(paused);

    const { statusTimesMs, longestFrameMs } = await readObservations();
    const gapsMs = statusTimesMs.slice(1).map((at, index) => at - (statusTimesMs[index] ?? 0));
    expect(gapsMs.length).toBeGreaterThan(0);
    expect(Math.min(...gapsMs)).toBeGreaterThan(990);
    // The software adapter shares the cores with the page, so frames are late, but none waits for a step's
    // compilation or for several steps.
    expect(longestFrameMs).toBeLessThan(1_000);

    await press('Sample');
    await page.waitForSelector('#samples li');
    const sample = await textOf('#samples .sample-text');
    expect(sample.length).toBeGreaterThan(100);
    expect([...new Set(sample)].filter((character) => !ownText.includes(character))).toEqual([]);

    await press('Train');
    const resumed = await waitForStatus(paused.step + 1);
    expect(resumed.loss).toBeLessThan(start.loss);
    await press('Pause');
    await page.waitForSelector('#train:enabled');

    await setNumber('Layers', 2);
    expect(await textOf('#run-note')).toBe('Settings changed: Train starts anew.');
    expect(await textOf('[role="alert"]')).toBe('');
    expect(complaints).toEqual([]);
  });

  it('says what is wrong with texts and numbers', async () => {
    await open();
    for (const [text, problem] of [
      ['', /There is no text yet/],
      ['too short', /The text has 9 characters, training needs at least 100/],
      ['a'.repeat(300), /repeats the single character “a”/],
    ] as const) {
      await useOwnText(text);
      await press('Train');
      expect(await waitForAlert()).toMatch(problem);
    }
    await useOwnText(ownText);
    await setNumber('Hidden size', 0);
    await press('Train');
    expect(await waitForAlert()).toMatch(
      /Hidden size is 0, expected a whole number from 1 to 1024/,
    );
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('hidden-size');
    expect(await textOf('[role="status"]')).toBe('');
    expect(complaints).toEqual([]);
  });

  it('takes a text file, and refuses one that is no text', async () => {
    await open();
    const [textFile, binaryFile] = [join(folder, 'shells.txt'), join(folder, 'noise.bin')];
    await writeFile(textFile, ownText);
    await writeFile(binaryFile, Uint8Array.of(0xff, 0xfe, 0, 1, 2));
    await upload(textFile);
    await page.waitForSelector('#remove-file:not([hidden])');
    expect(await textOf('#text-note')).toBe('shells.txt, 4,560 characters; its beginning is shown');
    await upload(binaryFile);
    expect(await waitForAlert()).toBe(
      'noise.bin is not plain text in UTF-8. Save it as such and try again.',
    );
    expect(await textOf('#text-note')).toMatch(/^shells\.txt/);
    expect(complaints).toEqual([]);
  });

  it('names the remedy where there is no WebGPU', async () => {
    await page.evaluateOnNewDocument(() => {
      Object.defineProperty(navigator, 'gpu', { value: undefined });
    });
    await page.goto(`${server.url}some/path/`);
    expect(await waitForAlert()).toMatch(/has no WebGPU.*Open the page in Chrome or Edge 113/);
    expect(await isEnabled('Train')).toBe(false);
    expect(complaints).toEqual([]);
  });

  it('fits a narrow screen, and labels every field', async () => {
    await page.setViewport({ width: 375, height: 700 });
    await open();
    await page.select('#cell', 'gru');
    await page.click('input[value="own"]');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
    const unnamed = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLInputElement>('input, select, textarea')]
        .filter(({ labels }) => !labels?.length || !labels[0]?.textContent?.trim())
        .map(({ outerHTML }) => outerHTML),
    );
    expect(unnamed).toEqual([]);
  });

  it('is built with relative addresses only', async () => {
    const html = await readFile(join(folder, 'some', 'path', 'index.html'), 'utf8');
    const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
    expect(addresses.length).toBeGreaterThan(2);
    expect(addresses.filter((address) => !/^(\.\/|data:)/.test(address ?? ''))).toEqual([]);
  });
});

async function open(): Promise<void> {
  await page.goto(`${server.url}some/path/`);
  await page.waitForSelector('#train:enabled', { timeout: 20_000 });
}

async function press(name: 'Train' | 'Pause' | 'Sample'): Promise<void> {
  await page.locator(`::-p-aria([name="${name}"][role="button"])`).click();
}

function isEnabled(name: string): Promise<boolean> {
  return page.$eval(
    `::-p-aria([name="${name}"][role="button"])`,
    (button) => !(button as HTMLButtonElement).disabled,
  );
}

async function useOwnText(text: string): Promise<void> {
  await page.click('input[value="own"]');
  await page.locator('::-p-aria(Your text)').fill(text);
}

async function upload(path: string): Promise<void> {
  const input = await page.$('input[type="file"]');
  await (input as ElementHandle<HTMLInputElement>).uploadFile(path);
}

async function setNumber(label: string, value: number): Promise<void> {
  await page.locator(`::-p-aria(${label})`).fill(String(value));
}

function textOf(selector: string): Promise<string> {
  return page.$eval(selector, (element) => element.textContent ?? '');
}

async function waitForAlert(): Promise<string> {
  await page.waitForSelector('[role="alert"]:not(:empty)', { timeout: 10_000 });
  return textOf('[role="alert"]');
}

async function readStatus(): Promise<{ step: number; loss: number; speed: number }> {
  const text = await textOf('[role="status"]');
  const [, step, loss, speed] = statusPattern.exec(text) ?? [];
  if (speed === undefined) throw new Error(`the status reads '${text}'`);
  return { step: Number(step), loss: Number(loss), speed: Number(speed.replaceAll(',', '')) };
}

/** Waits for the status to show at least this step, and for an alert to say why it cannot. */
async function waitForStatus(step: number): ReturnType<typeof readStatus> {
  await page.waitForFunction(
    (least) => {
      const problem = document.querySelector('[role="alert"]')?.textContent;
      if (problem) throw new Error(problem);
      const [, at] =
        /^step (\d+) /.exec(document.querySelector('[role="status"]')?.textContent ?? '') ?? [];
      return at !== undefined && Number(at) >= least;
    },
    { timeout: 30_000, polling: 100 },
    step,
  );
  return readStatus();
}

interface Observations {
  /** When the status changed. */
  readonly statusTimesMs: readonly number[];
  /** The longest time between two frames. */
  readonly longestFrameMs: number;
}

async function observePage(): Promise<void> {
  await page.evaluate(() => {
    const statusTimesMs: number[] = [];
    let longestFrameMs = 0;
    let last = performance.now();
    const frame = () => {
      longestFrameMs = Math.max(longestFrameMs, performance.now() - last);
      last = performance.now();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    new MutationObserver(() => statusTimesMs.push(performance.now())).observe(
      document.querySelector('[role="status"]') as Element,
      { childList: true },
    );
    Object.assign(globalThis, { readObservations: () => ({ statusTimesMs, longestFrameMs }) });
  });
}

function readObservations(): Promise<Observations> {
  return page.evaluate(() =>
    (globalThis as unknown as { readObservations(): Observations }).readObservations(),
  );
}

/** The last steps may reach the status up to a second after the pause. */
function waitForQuiet(): Promise<void> {
  return sleep(1_100);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
