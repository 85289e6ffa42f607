import { resolve } from 'node:path';
import { defineConfig } from 'vite';
import { withoutNode } from '../scripts/vite-without-node.ts';

const repository = resolve(import.meta.dirname, '..');

/** The page: served by `npm run demo`, written to dist-demo/ by `npm run demo:build`. */
export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the folder works from any path of any server.
  base: './',
  publicDir: false,
  plugins: [withoutNode()],
  worker: {
    format: 'es',
    plugins: () => [withoutNode()],
    rolldownOptions: { output: { codeSplitting: false } },
  },
  server: { fs: { allow: [repository] } },
  build: {
    target: 'es2023',
    outDir: resolve(repository, 'dist-demo'),
    emptyOutDir: true,
    reportCompressedSize: false,
  },
});
