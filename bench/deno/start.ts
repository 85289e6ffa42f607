import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'vite';
import { withoutNode } from '../../scripts/vite-without-node.ts';
import { choosePeers } from '../vite-peers.ts';
import type { Reply, Request } from './protocol.ts';

/** Bundles the client for Deno. Remove the folder when done. */
export async function bundleClient(): Promise<{ entry: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'gatefold-bench-'));
  await build({
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    plugins: [withoutNode(), choosePeers('deno.ts')],
    worker: { format: 'es' },
    build: {
      target: 'es2023',
      outDir: folder,
      emptyOutDir: true,
      minify: false,
      modulePreload: false,
      lib: {
        entry: resolve(import.meta.dirname, 'client.ts'),
        formats: ['es'],
        fileName: 'client',
      },
      rolldownOptions: { external: /^node:/ },
    },
  });
  const remove = () => rm(folder, { recursive: true, force: true });
  return { entry: join(folder, 'client.js'), remove };
}

/** The client in a Deno process. */
export interface DenoClient {
  /** @throws {Error} if the client reports one, or has ended. */
  ask(request: Request): Promise<Reply>;
  close(): Promise<void>;
}

/**
 * Starts Deno with the client.
 *
 * @param environment - Which Vulkan driver it is to use.
 * @param report - Gets a line for everything that happens.
 */
export async function startClient(
  entry: string,
  environment: Readonly<Record<string, string>>,
  report: (text: string) => void,
): Promise<DenoClient> {
  const cache = await mkdtemp(join(tmpdir(), 'gatefold-deno-'));
  const deno = createRequire(import.meta.url).resolve('deno/bin.cjs');
  const isolation = ['--no-prompt', '--no-config', '--no-remote', '--no-npm'];
  const child = spawn(process.execPath, [deno, 'run', '--allow-env', ...isolation, entry], {
    env: { ...process.env, DENO_DIR: cache, DENO_NO_UPDATE_CHECK: '1', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2000);
  });
  const closed = once(child, 'close');
  const ended = closed.then(([code]) => {
    throw new Error(`Deno ended with ${String(code)}: ${complaint.trim()}`);
  });
  ended.catch(() => undefined);
  const replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const listen = async (): Promise<Reply> => {
    for (;;) {
      const { value, done } = await replies.next();
      if (done) return ended;
      const reply = JSON.parse(value) as Reply;
      if (reply.kind === 'error') throw new Error(reply.message);
      if (reply.kind !== 'status') return reply;
      report(reply.text);
    }
  };
  return {
    ask: (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return Promise.race([listen(), ended]);
    },
    close: async () => {
      child.kill();
      await closed;
      await rm(cache, { recursive: true, force: true });
    },
  };
}
