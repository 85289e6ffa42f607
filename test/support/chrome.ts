import puppeteer, { type Browser } from 'puppeteer';
import { browserFlags, findBrowser } from '../../src/cli/chromium.ts';

/** Starts a headless browser whose WebGPU runs on SwiftShader. Close it when done. */
export async function launchChrome(extraArguments: readonly string[] = []): Promise<Browser> {
  const { executable, environment, headlessShell } = await findBrowser(puppeteer);
  return puppeteer.launch({
    // All shared cases are one call; a software adapter takes minutes for them.
    protocolTimeout: 600_000,
    executablePath: executable,
    headless: headlessShell ? 'shell' : true,
    env: { ...process.env, ...environment },
    args: [
      ...browserFlags(true),
      '--disable-domain-reliability',
      '--no-pings',
      // Tests reach their own server and nothing else.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
      ...extraArguments,
    ],
  });
}
