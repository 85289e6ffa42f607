import type { AdapterChoice } from '../../device/adapter.ts';
import { requestDevice } from '../../device/request.ts';
import { parseParityCase } from '../../interop/case-file.ts';
import { encodeCaseRun } from './case-run-bytes.ts';
import { runCase } from './run-case.ts';

/** What {@link serveCases} is told at its start. */
export interface ClientSettings {
  readonly adapter: AdapterChoice;
}

/**
 * Runs the cases that a {@link CaseServer} hands out, in a page or in Deno, until there are no more.
 * Failures are told to the server.
 *
 * @param base - Address of the server.
 */
export async function serveCases(base: string): Promise<void> {
  const send = (path: string, body: string | Uint8Array<ArrayBuffer>) =>
    fetch(new URL(path, base), { method: 'POST', body });
  try {
    const settings = (await (await fetch(new URL('/settings', base))).json()) as ClientSettings;
    using device = await requestDevice({ adapter: settings.adapter });
    await send('/ready', device.describe());
    for (;;) {
      const response = await fetch(new URL('/next', base), { cache: 'no-store' });
      if (response.status !== 200) return;
      const name = decodeURIComponent(response.headers.get('x-case') ?? 'case');
      const run = await runCase(device, parseParityCase(await response.arrayBuffer(), name));
      await send('/result', encodeCaseRun(run));
    }
  } catch (error) {
    await send('/failure', error instanceof Error ? error.message : String(error));
  }
}
