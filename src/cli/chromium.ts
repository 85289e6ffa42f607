import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { extractChromium } from '../device/software-package.ts';
import { OptionError } from '../errors.ts';
import { importOptional } from './optional-package.ts';

/** What is used of puppeteer's Page. */
export interface BrowserPage {
  goto(url: string): Promise<unknown>;
  on(event: 'error' | 'pageerror', listener: (error: unknown) => void): unknown;
}

/** What is used of puppeteer's Browser. */
export interface HeadlessBrowser {
  newPage(): Promise<BrowserPage>;
  version(): Promise<string>;
  on(event: 'disconnected', listener: () => void): unknown;
  close(): Promise<void>;
}

/** What is used of puppeteer itself. */
interface Puppeteer extends BrowserLocator {
  launch(options: object): Promise<HeadlessBrowser>;
}

/** Knows where puppeteer has installed a browser of its own. */
export interface BrowserLocator {
  executablePath(): string;
}

/** A browser that can be started. */
export interface BrowserFiles {
  readonly executable: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether it has no mode but the headless one. */
  readonly headlessShell: boolean;
}

const commandNames = ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser'];

const applicationPaths = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

/**
 * Starts a headless Chromium with WebGPU: the one that GATEFOLD_CHROME names, the system's, puppeteer's
 * own, or the one of the package `@sparticuz/chromium`.
 *
 * @param software - Whether to take SwiftShader although there may be a GPU.
 * @throws {OptionError} if puppeteer is not installed or GATEFOLD_CHROME names nothing.
 * @throws {DeviceError} if there is no browser.
 */
export async function launchChromium(software: boolean): Promise<HeadlessBrowser> {
  const exported = (await importOptional('puppeteer', '--device chromium')) as {
    default: Puppeteer;
  };
  const puppeteer = exported.default;
  const { executable, environment, headlessShell } = await findBrowser(puppeteer);
  return puppeteer.launch({
    executablePath: executable,
    headless: headlessShell ? 'shell' : true,
    env: { ...process.env, ...environment },
    args: browserFlags(software),
  });
}

/** Flags with which a headless Chromium offers WebGPU, to root too. */
export function browserFlags(software: boolean): string[] {
  return [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--enable-unsafe-webgpu',
    ...(software ? ['--use-webgpu-adapter=swiftshader'] : []),
    '--disable-background-networking',
  ];
}

/**
 * The first of: the browser that GATEFOLD_CHROME names, the system's, puppeteer's own, the one of the package
 * `@sparticuz/chromium`.
 *
 * @throws {OptionError} if GATEFOLD_CHROME names nothing.
 * @throws {DeviceError} if there is none.
 */
export async function findBrowser(puppeteer: BrowserLocator): Promise<BrowserFiles> {
  const named = process.env.GATEFOLD_CHROME;
  if (named && !existsSync(named)) {
    throw new OptionError(
      `GATEFOLD_CHROME is ${named}, which does not exist. Name a Chrome or Chromium, or unset it.`,
    );
  }
  const executable = named || findOnSystem() || findOfPuppeteer(puppeteer);
  if (executable) return { executable, environment: {}, headlessShell: false };
  return { ...(await extractChromium()), headlessShell: true };
}

/** Asks each candidate for its version: a distribution's stub answers with what to install. */
function findOnSystem(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const onPath = commandNames.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...onPath, ...applicationPaths].find((path) => {
    if (!existsSync(path)) return false;
    if (process.platform === 'win32') return true;
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 });
    return /Chrom(e|ium) \d+/.test(stdout ?? '');
  });
}

function findOfPuppeteer(puppeteer: BrowserLocator): string | undefined {
  try {
    const path = puppeteer.executablePath();
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}
