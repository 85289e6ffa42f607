import type { AdapterChoice } from '../../device/adapter.ts';
import { DeviceError } from '../../errors.ts';
import type { ParityCase } from '../../interop/case-types.ts';
import { launchChromium } from '../chromium.ts';
import { openDevice } from '../device-option.ts';
import { CaseServer } from './case-server.ts';
import { startDeno } from './deno.ts';
import type { CaseRun } from './results.ts';
import { runCase } from './run-case.ts';

/** Runs cases somewhere. */
export interface CaseRunner {
  /** The adapter, for messages. */
  readonly description: string;
  /** @param bytes - The case's whole file. */
  run(parsed: ParityCase, bytes: Uint8Array): Promise<CaseRun>;
  close(): Promise<void>;
}

/** Where `gatefold parity` can run cases. */
export const parityDevices = ['webgpu', 'chromium', 'deno', 'reference'] as const;

/** One of {@link parityDevices}. */
export type ParityDevice = (typeof parityDevices)[number];

const openers: Readonly<Record<ParityDevice, () => Promise<CaseRunner>>> = {
  webgpu: () => openLocal(false),
  reference: () => openLocal(true),
  chromium: openChromium,
  deno: openDeno,
};

/**
 * Makes ready to run cases.
 *
 * @throws {DeviceError} or {OptionError} where there is no such runtime or no adapter in it.
 */
export function openRunner(device: ParityDevice): Promise<CaseRunner> {
  return openers[device]();
}

async function openLocal(onReference: boolean): Promise<CaseRunner> {
  const open = await openDevice(onReference ? 'reference' : undefined);
  return {
    description: open.description,
    run: (parsed) => runCase(open.device, parsed),
    close: () => Promise.resolve(open[Symbol.dispose]()),
  };
}

/** GATEFOLD_ADAPTER as far as another runtime needs it; a wrong value is refused there. */
function readAdapterChoice(): AdapterChoice {
  return (process.env.GATEFOLD_ADAPTER || 'auto') as AdapterChoice;
}

async function openChromium(): Promise<CaseRunner> {
  const adapter = readAdapterChoice();
  const browser = await launchChromium(adapter === 'software');
  const server = new CaseServer({ adapter });
  const fail = (what: unknown) => server.fail(new DeviceError(`chromium: ${String(what)}`));
  const close = async () => {
    await server.close();
    await browser.close();
  };
  try {
    browser.on('disconnected', () => fail('the browser has ended'));
    const page = await browser.newPage();
    page.on('error', fail);
    page.on('pageerror', fail);
    await page.goto(await server.listen());
    const description = `${await server.ready}, ${await browser.version()}`;
    return { description, run: (parsed, bytes) => server.run(parsed, bytes), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Deno on the system's own driver, else on the software adapter. */
async function openDeno(): Promise<CaseRunner> {
  const adapter = readAdapterChoice();
  if (adapter === 'software') return openDenoOn(adapter, true);
  try {
    return await openDenoOn(adapter, false);
  } catch (error) {
    if (adapter !== 'auto' || !(error instanceof DeviceError)) throw error;
    return openDenoOn(adapter, true);
  }
}

async function openDenoOn(adapter: AdapterChoice, software: boolean): Promise<CaseRunner> {
  const server = new CaseServer({ adapter });
  const url = await server.listen();
  let stop: (() => Promise<void>) | undefined;
  const close = async () => {
    await server.close();
    await stop?.();
  };
  try {
    stop = await startDeno(url, software, (reason) => server.fail(new DeviceError(reason)));
    const description = await server.ready;
    return { description, run: (parsed, bytes) => server.run(parsed, bytes), close };
  } catch (error) {
    await close();
    throw error;
  }
}
