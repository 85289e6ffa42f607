/**
 * What every command of this repository begins with: it installs what is missing and builds what is
 * stale. Node's own modules only, since it runs before anything is installed.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

const modulesFolder = join(root, 'node_modules');
const installStamp = join(modulesFolder, '.gatefold-install.json');
const buildStamp = join(root, 'dist', '.build-stamp');
const lockFile = join(root, '.bootstrap.lock');
const buildInputs = [
  'src',
  'shaders',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'vite.bundle.config.ts',
  'scripts/build-steps.mjs',
  'scripts/vite-without-node.ts',
  'scripts/generate-kernels.ts',
  'scripts/kernels',
];
const lockWaitMs = 15 * 60_000;

/**
 * Runs a command in the repository's root with its output shown.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>} the exit status; 1 when a signal ended it.
 */
export function run(command, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    child.on('error', fail);
    child.on('close', (status) => done(status ?? 1));
  });
}

/** Runs a script or a package's command (its JavaScript file) under this Node. */
export function runNode(args, options) {
  return run(process.execPath, args, options);
}

/** Path of a package's command, e.g. `binary('vite')` or `binary('typescript', 'tsc')`. */
export function binary(packageName, command = packageName) {
  const folder = join(modulesFolder, packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return join(folder, typeof bin === 'string' ? bin : bin[command]);
}

/** Runs npm: the one that called us, else the one on the path. */
export function runNpm(args, options) {
  const npm = process.env.npm_execpath;
  if (npm && /npm-cli\.[cm]?js$/.test(npm)) return runNode([npm, ...args], options);
  return run('npm', args, { shell: process.platform === 'win32', ...options });
}

/**
 * What a command calls first: installs and, unless told otherwise, builds what is missing or stale.
 * Ends the process with a message when that fails.
 *
 * @param {{ build?: boolean, force?: boolean }} [options]
 */
export async function prepare({ build = true, force = false } = {}) {
  try {
    await ensureInstalled();
    if (build) await ensureBuilt({ force });
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

/** Runs `npm ci` when node_modules is missing or does not match the lock file, platform and Node. */
export async function ensureInstalled() {
  requireNode();
  if (isInstalled()) return;
  await withLock(async () => {
    if (isInstalled()) return;
    console.log('Installing the dependencies (npm ci) …');
    const status = await runNpm([
      'ci',
      '--include=dev',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]);
    if (status !== 0) {
      throw new Error(
        `npm ci ended with status ${status}, expected 0. Its messages above say why; ` +
          'check the network connection and that package-lock.json belongs to package.json.',
      );
    }
    writeFileSync(installStamp, JSON.stringify(installIdentity()));
  });
}

/**
 * Builds dist/ when it is missing or older than what it is made from.
 *
 * @param {{ force?: boolean }} [options]
 */
export async function ensureBuilt({ force = false } = {}) {
  if (!force && isBuilt()) return;
  await withLock(async () => {
    if (!force && isBuilt()) return;
    console.log('Building dist/ …');
    const { build } = await import('./build-steps.mjs');
    await build((folder) => writeFileSync(join(folder, '.build-stamp'), hashInputs()));
  });
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Error(
    `This is Node ${process.versions.node}; Gatefold needs Node 20.19 or newer. Install it from https://nodejs.org.`,
  );
}

function installIdentity() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  return {
    lock: createHash('sha256').update(lock).digest('hex'),
    platform: process.platform,
    architecture: process.arch,
    abi: process.versions.modules,
  };
}

function isInstalled() {
  const stamp = readJson(installStamp);
  const wanted = installIdentity();
  const sameMachine = ['platform', 'architecture', 'abi'].every(
    (key) => stamp === undefined || stamp[key] === wanted[key],
  );
  if (!sameMachine || !holdsLockedPackages()) return false;
  if (stamp?.lock !== wanted.lock) writeFileSync(installStamp, JSON.stringify(wanted));
  return true;
}

/** Whether npm's own record of node_modules agrees with the lock file and the folders are there. */
function holdsLockedPackages() {
  const installed = readJson(join(modulesFolder, '.package-lock.json'))?.packages;
  if (!installed) return false;
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(locked).every(([path, { version, optional, integrity }]) => {
    if (path === '') return true;
    const found = installed[path];
    if (!found) return optional === true;
    return (
      found.version === version &&
      found.integrity === integrity &&
      existsSync(join(root, path, 'package.json'))
    );
  });
}

function isBuilt() {
  return existsSync(buildStamp) && readFileSync(buildStamp, 'utf8') === hashInputs();
}

/** Hash of the paths and contents of everything that dist/ is made from. */
function hashInputs() {
  const hash = createHash('sha256');
  const add = (path) => {
    const absolute = join(root, path);
    if (!existsSync(absolute)) return;
    if (statSync(absolute).isDirectory()) {
      for (const name of readdirSync(absolute).sort()) add(`${path}/${name}`);
    } else {
      hash.update(`${path}\0`).update(readFileSync(absolute)).update('\0');
    }
  };
  buildInputs.forEach(add);
  return hash.digest('hex');
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** One installation or build at a time: others wait until it has ended. */
async function withLock(work) {
  const deadline = Date.now() + lockWaitMs;
  let told = false;
  while (!takeLock()) {
    const owner = readLockOwner();
    if (owner === undefined || !isRunning(owner)) {
      rmSync(lockFile, { force: true });
      continue;
    }
    if (!told) console.log(`Waiting for process ${owner}, which is installing or building …`);
    told = true;
    if (Date.now() > deadline) {
      throw new Error(
        `${lockFile} is held by process ${owner} for more than ${lockWaitMs / 60_000} minutes. ` +
          'If that process is not an installation of this repository, delete the file.',
      );
    }
    await sleep(200);
  }
  try {
    await work();
  } finally {
    rmSync(lockFile, { force: true });
  }
}

function takeLock() {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Process id in the lock file; `undefined` when it names none. */
function readLockOwner() {
  try {
    const text = readFileSync(lockFile, 'utf8');
    return /^\d+$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
