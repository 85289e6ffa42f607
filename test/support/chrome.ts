import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import puppeteer, { type Browser } from 'puppeteer';
import { extractChromium } from '../../src/device/software-package.ts';

/** A Chrome or Chromium that can be started. */
export interface Chrome {
  readonly executable: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Where it was found, for logs. */
  readonly source: string;
}

const commandNames = ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser'];

const installedPaths = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

/**
 * The first of: the one that `GATEFOLD_CHROME` names, the system's Chrome or Chromium, one that
 * puppeteer was told to install by hand, the headless Chromium of `@sparticuz/chromium`.
 */
export async function findChrome(): Promise<Chrome> {
  const named = process.env.GATEFOLD_CHROME;
  if (named) {
    if (!existsSync(named)) throw new Error(`GATEFOLD_CHROME names ${named}, which is not there.`);
    return { executable: named, environment: {}, source: 'GATEFOLD_CHROME' };
  }
  const installed = findInstalled();
  if (installed) return { executable: installed, environment: {}, source: 'the system' };
  const downloaded = findDownloaded();
  if (downloaded) return { executable: downloaded, environment: {}, source: 'puppeteer' };
  return { ...(await extractChromium()), source: '@sparticuz/chromium' };
}

/** Starts a headless browser whose WebGPU runs on SwiftShader. Close it when done. */
export async function launchChrome(extraArguments: readonly string[] = []): Promise<Browser> {
  const chrome = await findChrome();
  return puppeteer.launch({
    executablePath: chrome.executable,
    headless: chrome.source === '@sparticuz/chromium' ? 'shell' : true,
    env: { ...process.env, ...chrome.environment },
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--disable-background-networking',
      '--disable-domain-reliability',
      '--no-pings',
      // Tests reach their own server and nothing else.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
      ...extraArguments,
    ],
  });
}

/** Some distributions have a `chromium-browser` that only says what to install, so it is asked. */
function findInstalled(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const onPath = commandNames.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...onPath, ...installedPaths].find((path) => {
    if (!existsSync(path)) return false;
    if (process.platform === 'win32') return true;
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 });
    return /Chrom(e|ium) \d+/.test(stdout ?? '');
  });
}

function findDownloaded(): string | undefined {
  try {
    const path = puppeteer.executablePath();
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}
