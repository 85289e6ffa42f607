import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How the command ended. */
export interface CliResult {
  /** Exit code, or the signal that ended it. */
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command while it runs. */
export interface CliProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<CliResult>;
  /** Resolves once standard output has matched. */
  waitFor(pattern: RegExp): Promise<void>;
}

/** How to run the command. */
export interface CliOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** `npm test` has built what it tests, and that starts three times as fast; by hand the sources count. */
const isBuilt = process.env.GATEFOLD_TESTS !== undefined;
const main = join(root, isBuilt ? 'dist/cli/main.js' : 'src/cli/main.ts');
const loader = isBuilt ? [] : ['--import', import.meta.resolve('tsx')];

/** The repository's root. */
export const repository = root;

/** Starts `gatefold` in a process of its own. */
export function startCli(args: readonly string[], options: CliOptions = {}): CliProcess {
  const child = spawn(process.execPath, [...loader, main, ...args], {
    cwd: options.cwd ?? root,
    // Without it the system's own Vulkan drivers, where there are any, have their say on stderr.
    env: { GATEFOLD_ADAPTER: 'software', ...process.env, ...options.environment },
    timeout: 110_000,
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
    });
  }
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code: code ?? signal, ...output }));
  });
  const waitFor = async (pattern: RegExp): Promise<void> => {
    let isRunning = true;
    void ended.finally(() => {
      isRunning = false;
    });
    while (!pattern.test(output.stdout)) {
      if (!isRunning)
        throw new Error(`ended without ${pattern}:\n${output.stdout}${output.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { child, ended, waitFor };
}

/** Runs `gatefold` to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended;
}
