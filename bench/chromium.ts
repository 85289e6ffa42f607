import { resolve } from 'node:path';
import puppeteer, { type Browser, type Page } from 'puppeteer';
import { build, type PreviewServer, preview } from 'vite';
import { browserFlags, findBrowser } from '../src/cli/chromium.ts';
import { completeMachine, type Host } from './session.ts';

const configFile = resolve(import.meta.dirname, 'vite.config.ts');
/** A workload may take this long with all peers. */
const workloadLimitMs = 3_600_000;

/** The bench's page in a headless browser. */
export interface BenchPage extends Pick<Host, 'examine' | 'run'> {
  close(): Promise<void>;
}

/** Builds the page and serves it. Close the server when done. */
export async function servePage(port: number): Promise<{ url: string; server: PreviewServer }> {
  await build({ configFile, logLevel: 'error' });
  const server = await preview({ configFile, logLevel: 'error', preview: { port } });
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error('vite serves the page, but does not say where.');
  return { url, server };
}

/**
 * Builds the page and opens it in a headless Chromium.
 *
 * @param report - gets a line for everything that happens.
 * @throws {Error} if there is no adapter of the kind that GATEFOLD_ADAPTER asks for.
 */
export async function openPage(report: (text: string) => void): Promise<BenchPage> {
  const { url, server } = await servePage(0);
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    await server.close();
  };
  try {
    const choice = process.env.GATEFOLD_ADAPTER;
    browser = await launch(choice === 'software');
    let page = await open(browser, url, report);
    if (choice !== 'hardware' && choice !== 'software' && !(await hasAdapter(page))) {
      await browser.close();
      browser = await launch(true);
      page = await open(browser, url, report);
    }
    return makeBenchPage(browser, page, url, report, choice, close);
  } catch (error) {
    await close();
    throw error;
  }
}

function makeBenchPage(
  browser: Browser,
  opened: Page,
  url: string,
  report: (text: string) => void,
  choice: string | undefined,
  close: () => Promise<void>,
): BenchPage {
  let page = opened;
  return {
    examine: async () => {
      const examination = await page.evaluate(() => window.bench.examine());
      const { adapter, isSoftware } = examination.machine;
      if (choice === 'hardware' && isSoftware) {
        throw new Error(`asked for a hardware adapter, the browser has '${adapter}'.`);
      }
      const runtime = `${await browser.version()}, headless`;
      return { ...examination, machine: completeMachine(examination.machine, runtime) };
    },
    run: async (workload, peers, effort) => {
      try {
        return await page.evaluate(
          (name, names, limit) => window.bench.runWorkload(name, names, limit),
          workload,
          peers,
          effort,
        );
      } catch (error) {
        // The page is gone, or something in it hangs: the next workload gets a new one.
        await page.close().catch(() => undefined);
        page = await open(browser, url, report);
        throw error;
      }
    },
    close,
  };
}

async function launch(software: boolean): Promise<Browser> {
  const { executable, environment, headlessShell } = await findBrowser(puppeteer);
  return puppeteer.launch({
    executablePath: executable,
    headless: headlessShell ? 'shell' : true,
    env: { ...process.env, ...environment },
    protocolTimeout: workloadLimitMs,
    args: [
      ...browserFlags(software),
      // Lets WebGL run where there is no GPU.
      '--enable-unsafe-swiftshader',
      // jax-js walks a step's trace by recursion; in most runs 256 time steps of it overflow the default, about 1 MB.
      '--js-flags=--stack-size=3900',
    ],
  });
}

async function open(browser: Browser, url: string, report: (text: string) => void): Promise<Page> {
  const page = await browser.newPage();
  page.on('pageerror', (error) => report(`page: ${String(error)}`));
  await page.exposeFunction('reportToBench', report);
  await page.goto(url);
  await page.waitForFunction(() => 'bench' in window);
  return page;
}

function hasAdapter(page: Page): Promise<boolean> {
  return page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
}
