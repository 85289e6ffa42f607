/** `npm run demo` serves the page; `npm run demo:build` writes it to dist-demo/. */
import { binary, prepare, runNode } from './bootstrap.mjs';

await prepare({ build: false });
const [command = 'serve', ...flags] = process.argv.slice(2);
process.exitCode = await runNode([
  binary('vite'),
  command,
  '--config',
  'demo/vite.config.ts',
  ...flags,
]);
