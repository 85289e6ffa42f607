import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import puppeteer, { type Browser } from 'puppeteer';
import { extractSoftwareAdapter } from '../../src/device/software-package.ts';

/**
 * The Firefox that `GATEFOLD_FIREFOX` names, else the system's, else none: tests in it are optional.
 * Version 141 is the first with WebGPU; on Linux a later one may be needed.
 */
export function findFirefox(): string | undefined {
  const named = process.env.GATEFOLD_FIREFOX;
  if (named) return named;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const paths = ['firefox-esr', 'firefox'].flatMap((name) =>
    folders.map((folder) => join(folder, name)),
  );
  return paths.find((path) => existsSync(path));
}

/** Starts a headless Firefox whose WebGPU runs on SwiftShader. Close it when done. */
export async function launchFirefox(executablePath: string): Promise<Browser> {
  const files = await extractSoftwareAdapter();
  const libraries = [files.folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  return puppeteer.launch({
    // All shared cases are one call; a software adapter takes minutes for them.
    protocolTimeout: 600_000,
    browser: 'firefox',
    executablePath,
    headless: true,
    env: { ...process.env, ...files.driver, LD_LIBRARY_PATH: libraries },
    extraPrefsFirefox: {
      'dom.webgpu.enabled': true,
      'dom.webgpu.workers.enabled': true,
      'dom.webgpu.allow-software': true,
      'gfx.webgpu.ignore-blocklist': true,
    },
  });
}

/**
 * Why a Firefox cannot run WebGPU at all: its build leaves it out. Undefined where it can; that there is no adapter is
 * for the tests to find.
 *
 * @param url - a page of this machine.
 */
export async function findFirefoxObstacle(
  browser: Browser,
  url: string,
): Promise<string | undefined> {
  const page = await browser.newPage();
  await page.goto(url);
  const refusal = await page.evaluate(async () => {
    try {
      await navigator.gpu?.requestAdapter();
      return 'gpu' in navigator ? undefined : 'navigator.gpu is missing';
    } catch (error) {
      const { name, message } = error as Error;
      if (name === 'NotSupportedError') return message;
      throw error;
    }
  });
  await page.close();
  return refusal && `${await browser.version()}: ${refusal}`;
}
