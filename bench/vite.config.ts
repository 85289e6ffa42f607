import { resolve } from 'node:path';
import { defineConfig, type Plugin } from 'vite';
import { withoutNode } from '../scripts/vite-without-node.ts';
import { arePeersInstalled } from './install-peers.ts';

const folder = import.meta.dirname;
const virtualName = 'virtual:gatefold-bench-peers';

/** Gives the page all peers, or Gatefold alone where the others' packages are not installed. */
function choosePeers(): Plugin {
  return {
    name: 'gatefold-bench-peers',
    resolveId: (specifier) => {
      if (specifier !== virtualName) return null;
      return resolve(folder, arePeersInstalled() ? 'peers/src/index.ts' : 'page/gatefold-only.ts');
    },
  };
}

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
  plugins: [withoutNode(), choosePeers()],
  worker: { format: 'es' },
  preview: { headers, host: '127.0.0.1' },
  build: {
    target: 'es2023',
    outDir: resolve(folder, '../dist-bench'),
    emptyOutDir: true,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 100_000,
    rolldownOptions: {
      input: [resolve(folder, 'index.html'), resolve(folder, 'page/frame.html')],
    },
  },
});
