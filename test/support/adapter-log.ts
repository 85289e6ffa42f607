import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Notes on which adapter tests ran, in the file that the variable `GATEFOLD_ADAPTER_LOG` names: one
 * line, once however many test files report it. `NOT RUN: what (why)` notes an optional part that
 * could not run.
 */
export function logAdapter(adapter: string): void {
  const file = process.env.GATEFOLD_ADAPTER_LOG;
  if (!file) return;
  mkdirSync(dirname(file), { recursive: true });
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  if (!lines.includes(adapter)) appendFileSync(file, `${adapter}\n`);
}
