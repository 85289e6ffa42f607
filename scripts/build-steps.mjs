/** The steps that make dist/, the publishable package, from src/. */
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { binary, root, runNode } from './bootstrap.mjs';

/**
 * Generates the kernel bindings, compiles src/ file by file, bundles it for browsers and then puts
 * the result in place of dist/ in one move.
 *
 * @param {(folder: string) => void} finish - called with the complete folder before the move.
 */
export async function build(finish) {
  const folder = join(root, 'dist-next');
  const replaced = join(root, 'dist-replaced');
  discard(folder, replaced);
  try {
    await step('generate-kernels', [binary('tsx'), 'scripts/generate-kernels.ts']);
    await step('tsc', [
      binary('typescript', 'tsc'),
      '-p',
      'tsconfig.build.json',
      '--outDir',
      folder,
    ]);
    pointDeclarationsAtJavaScript(folder);
    await step('vite', [
      binary('vite'),
      'build',
      '--config',
      'vite.bundle.config.ts',
      '--outDir',
      folder,
      '--logLevel',
      'warn',
    ]);
    chmodSync(join(folder, 'cli', 'main.js'), 0o755);
    finish(folder);
    if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), replaced);
    renameSync(folder, join(root, 'dist'));
  } finally {
    discard(folder, replaced);
  }
}

function discard(...folders) {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

async function step(name, args) {
  const status = await runNode(args);
  if (status === 0) return;
  throw new Error(
    `build: ${name} ended with status ${status}, expected 0. Its messages are above.`,
  );
}

/** tsc rewrites `./a.ts` to `./a.js` in JavaScript only; declarations are given the same names here. */
function pointDeclarationsAtJavaScript(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.d.ts')) continue;
    const path = join(entry.parentPath, entry.name);
    const text = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      text.replace(/(from |import\(|import )(["'])(\.[^"']*)\.ts\2/g, '$1$2$3.js$2'),
    );
  }
}
