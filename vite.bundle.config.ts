import { defineConfig } from 'vite';
import { withBareShaders } from './scripts/vite-bare-shaders.ts';
import { withoutNode } from './scripts/vite-without-node.ts';

/** The one-file build for browsers, bundlers and CDNs: dist/gatefold.bundle.js. */
export default defineConfig({
  publicDir: false,
  plugins: [withoutNode(), withBareShaders()],
  build: {
    target: 'es2022',
    lib: { entry: 'src/index.ts', formats: ['es'], fileName: () => 'gatefold.bundle.js' },
    emptyOutDir: false,
    minify: true,
    reportCompressedSize: false,
    rolldownOptions: { output: { codeSplitting: false, minify: true } },
  },
});
