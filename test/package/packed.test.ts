import { execFileSync, spawnSync } from 'node:child_process';
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-fs';
import { build as bundle, parseAst } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Manifest {
  readonly version: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const repository = resolve(import.meta.dirname, '..', '..');
const repositoryModules = join(repository, 'node_modules');
const consumer = mkdtempSync(join(tmpdir(), 'gatefold-consumer-'));
const installed = join(consumer, 'node_modules', 'gatefold');

/** Runs Node in the consumer's project and returns what it printed. */
function runNode(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: consumer, encoding: 'utf8', stdio: 'pipe' });
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Makes a dependency reachable by its name, as an installation without a network would. */
function linkDependency(name: string): void {
  const link = join(consumer, 'node_modules', name);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(repositoryModules, name), link, 'dir');
}

/** The static imports of a module of ours and, through them, of every module it loads. */
function collectStaticImports(file: string, seen = new Map<string, string[]>()) {
  if (seen.has(file)) return seen;
  const { body } = parseAst(readFileSync(file, 'utf8'));
  const specifiers = body.flatMap((statement) =>
    'source' in statement && statement.source ? [String(statement.source.value)] : [],
  );
  seen.set(file, specifiers);
  for (const specifier of specifiers.filter((name) => name.startsWith('.'))) {
    collectStaticImports(resolve(dirname(file), specifier), seen);
  }
  return seen;
}

beforeAll(async () => {
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', consumer], {
    cwd: repository,
    shell: process.platform === 'win32',
  });
  const tarball = readdirSync(consumer).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error(`npm pack left no .tgz file in ${consumer}.`);
  mkdirSync(installed, { recursive: true });
  const unpack = extract(installed, { strip: 1 });
  await pipeline(createReadStream(join(consumer, tarball)), createGunzip(), unpack);
  const { dependencies, peerDependencies } = readManifest(installed);
  for (const name of Object.keys({ ...dependencies, ...peerDependencies })) linkDependency(name);
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ type: 'module', private: true }));
});

afterAll(() => {
  rmSync(consumer, { recursive: true, force: true });
});

describe('the tarball', () => {
  it('holds the build, the shaders and the documents, and nothing of the workshop', () => {
    const entries = readdirSync(installed).sort();
    expect(entries).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist',
      'package.json',
      'shaders',
    ]);
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => /(?<!\.d)\.ts$|\.build-stamp|\.map$/.test(name))).toEqual([]);
  });

  it('runs no script when it is installed', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare'];
    expect(Object.keys(readManifest(installed).scripts ?? {})).not.toEqual(
      expect.arrayContaining(hooks.map((hook) => expect.stringMatching(`^${hook}$`))),
    );
  });
});

describe('the module', () => {
  it('loads in Node without a navigator and changes no global', () => {
    writeFileSync(
      join(consumer, 'load.mjs'),
      `delete globalThis.navigator;
      const names = () => [
        ...Object.getOwnPropertyNames(globalThis),
        ...Object.getOwnPropertyNames(Array.prototype),
        ...Object.keys(process.env),
      ].sort().join();
      const before = names();
      const gatefold = await import('gatefold');
      const bundle = await import('gatefold/bundle');
      console.log(JSON.stringify({
        same: names() === before,
        exported: Object.keys(gatefold).sort(),
        bundled: Object.keys(bundle).sort(),
      }));`,
    );
    const { same, exported, bundled } = JSON.parse(runNode('load.mjs'));
    expect(same).toBe(true);
    expect(exported).toContain('requestDevice');
    expect(bundled).toEqual(exported);
  });

  it('loads in Deno', () => {
    const deno = join(repositoryModules, 'deno', 'bin.cjs');
    const program = "console.log(Object.keys(await import('gatefold')).join())";
    expect(runNode(deno, 'eval', program)).toContain('requestDevice');
  });

  it('loads in a browser unbundled: no static import leaves the package', () => {
    const imports = collectStaticImports(join(installed, 'dist', 'index.js'));
    const foreign = [...imports].flatMap(([file, specifiers]) =>
      specifiers.filter((name) => !name.startsWith('.')).map((name) => `${file} imports ${name}`),
    );
    expect(foreign).toEqual([]);
    expect(imports.size).toBeGreaterThan(1);
  });

  it('has a bundle of one file that imports nothing and holds no wgsl_reflect', () => {
    const file = join(installed, 'dist', 'gatefold.bundle.js');
    const text = readFileSync(file, 'utf8');
    expect(text).not.toMatch(/wgsl_?reflect/i);
    expect(text).not.toMatch(/\bimport\s*\(/);
    expect([...collectStaticImports(file).values()].flat()).toEqual([]);
  });

  it('is bundled for a page without the code for Node', async () => {
    const entry = join(consumer, 'page.js');
    writeFileSync(
      entry,
      "import { requestDevice } from 'gatefold'; globalThis.open = requestDevice;",
    );
    const result = await bundle({
      root: consumer,
      configFile: false,
      logLevel: 'silent',
      build: { write: false, lib: { entry, formats: ['es'] } },
    });
    const [output] = Array.isArray(result) ? result : [];
    const files = output?.output ?? [];
    expect(files).toHaveLength(1);
    expect(files[0]?.type === 'chunk' && files[0].code).toContain('requestAdapter');
    expect(files[0]?.type === 'chunk' && files[0].imports).toEqual([]);
  });

  it('has a command that tells its version', () => {
    const { version } = readManifest(installed);
    expect(runNode(join(installed, 'dist', 'cli', 'main.js'), '--version')).toContain(version);
  });
});

describe('the types', () => {
  const compiler = join(repositoryModules, 'typescript', 'bin', 'tsc');
  const nodeNext = { module: 'NodeNext', moduleResolution: 'NodeNext' };
  const bundler = { module: 'ESNext', moduleResolution: 'Bundler' };

  /** Compiles one file of the consumer; throws with the compiler's messages when it does not. */
  function checkTypes(
    file: string,
    text: string,
    options: Readonly<Record<string, unknown>>,
  ): void {
    writeFileSync(join(consumer, file), text);
    const strict = { strict: true, noEmit: true, target: 'ES2023', lib: ['ESNext', 'DOM'] };
    const compilerOptions = { ...strict, ...options };
    writeFileSync(
      join(consumer, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: [file] }),
    );
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', '.'], {
      cwd: consumer,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stdout);
  }

  it.each([nodeNext, bundler])('are whole with $moduleResolution resolution', (resolution) => {
    const text = `import { GatefoldError, requestDevice } from 'gatefold';
      const error: Error = new GatefoldError('text');
      // @ts-expect-error A promise is no number: fails if the types were lost and became any.
      const wrong: number = requestDevice();
      export const seen: readonly unknown[] = [error, wrong];`;
    checkTypes('consumer.ts', text, { ...resolution, types: [], skipLibCheck: false });
  });

  it("fit the README's example", () => {
    const readme = readFileSync(join(installed, 'README.md'), 'utf8');
    const blocks = [...readme.matchAll(/```(?:ts|js)\n(.*?)```/gs)].map(([, text = '']) => text);
    const example = blocks.find((text) => text.includes("from 'gatefold'"));
    expect(example, 'README.md has a code block that imports from gatefold').toBeDefined();
    const typeRoots = [join(repositoryModules, '@types')];
    checkTypes('example.ts', example ?? '', {
      ...nodeNext,
      typeRoots,
      types: ['node'],
      skipLibCheck: true,
    });
  });
});
