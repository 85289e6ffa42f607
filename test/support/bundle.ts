import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'vite';
import { withoutNode } from '../../scripts/vite-without-node.ts';

/** A bundled module on disk. */
export interface Bundle {
  readonly folder: string;
  /** File name of the entry inside the folder. */
  readonly entry: string;
  readonly dispose: () => Promise<void>;
}

/** Bundles a TypeScript module, with the workers it starts, into a temporary folder. */
export async function bundleModule(entry: string): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), 'gatefold-test-'));
  const name = basename(entry).replace(/\.ts$/, '.js');
  await build({
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    base: './',
    plugins: [withoutNode()],
    worker: { format: 'es', plugins: () => [withoutNode()] },
    build: {
      target: 'es2023',
      outDir: folder,
      emptyOutDir: true,
      minify: false,
      modulePreload: false,
      lib: { entry, formats: ['es'], fileName: () => name },
    },
  });
  return { folder, entry: name, dispose: () => rm(folder, { recursive: true, force: true }) };
}
