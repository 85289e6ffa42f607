/**
 * `npm start`: installs and builds what is missing, then runs the main job. Flags go to it:
 * `npm start -- --cell gru --hidden 256`. The command runs in this process, so that Ctrl-C reaches
 * it directly.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './bootstrap.mjs';

await prepare();
const command = join(root, 'dist', 'cli', 'main.js');
process.argv = [process.execPath, command, 'start', ...process.argv.slice(2)];
await import(pathToFileURL(command).href);
