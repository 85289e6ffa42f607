import { resolve } from 'node:path';
import { defineConfig } from 'vite';
import { withoutNode } from '../scripts/vite-without-node.ts';
import { choosePeers } from './vite-peers.ts';

const folder = import.meta.dirname;
/** Wasm threads need shared memory, and browsers give that to isolated pages only. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** The page: built to dist-bench/, driven by `npm run bench` and served by `npm run bench -- --serve`. */
export default defineConfig({
  root: folder,
  base: './',
  publicDir: false,
  plugins: [withoutNode(), choosePeers('index.ts')],
  worker: { format: 'es' },
  preview: { headers, host: '127.0.0.1' },
  build: {
    target: 'es2023',
    outDir: resolve(folder, '../dist-bench'),
    emptyOutDir: true,
    // TensorFlow.js starts its threads with the text of a function, which must not refer to shortened names.
    minify: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 100_000,
    rolldownOptions: {
      input: [resolve(folder, 'index.html'), resolve(folder, 'page/frame.html')],
    },
  },
});
