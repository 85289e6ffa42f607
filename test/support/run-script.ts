import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a child process ended. */
export interface ScriptResult {
  /** Exit code, or the signal that ended it. */
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs a TypeScript module given as text in a Node process of its own, in the repository's root.
 * It imports files of ours by `./src/…`.
 */
export function runScript(
  text: string,
  environment: Readonly<Record<string, string>> = {},
  nodeOptions: readonly string[] = [],
): Promise<ScriptResult> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', ...nodeOptions, '--input-type=module', '--eval', text],
    { cwd: root, env: { ...process.env, ...environment }, timeout: 60_000 },
  );
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code: code ?? signal, ...output }));
  });
}
