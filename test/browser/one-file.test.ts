import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChrome } from '../support/chrome.ts';
import { type StaticServer, serveFolder } from '../support/static-server.ts';

const configFile = fileURLToPath(new URL('../../vite.bundle.config.ts', import.meta.url));

/** Trains with the one-file build, as a page without a bundler does; its shaders have no comments. */
const program = `
  import { adam, linear, lstm, oneHot, requestDevice, sequential, textStream, Trainer } from './gatefold.bundle.js';
  globalThis.train = async () => {
    const device = await requestDevice();
    const data = textStream('hello '.repeat(40), { batch: 2, steps: 8 });
    const size = data.vocabulary.size;
    const model = sequential([oneHot(size), lstm(16), linear(size)]);
    const trainer = await Trainer.create({ device, data, model, optimizer: adam({ learningRate: 0.05 }), selfTest: false });
    for await (const { loss } of trainer.fit({ steps: 60 })) if (!Number.isFinite(loss)) throw new Error('loss');
    return trainer.sample('h', { length: 11, temperature: 0 });
  };`;

let folder: string;
let server: StaticServer;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-one-file-'));
  await build({ configFile, logLevel: 'warn', build: { outDir: folder, emptyOutDir: true } });
  server = await serveFolder(folder, {
    '/index.html': `<!doctype html><title>one file</title><script type="module">${program}</script>`,
  });
  browser = await launchChrome();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

describe('the one-file build', () => {
  it('trains and samples in a page', async () => {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction(() => 'train' in globalThis);
    const text = await page.evaluate(() =>
      (globalThis as unknown as { train(): Promise<string> }).train(),
    );
    expect(text).toBe('ello hello ');
  });
});
