import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import envPaths from 'env-paths';
import { lock } from 'proper-lockfile';
import { DeviceError } from '../errors.ts';

/** A folder that is made once and then shared by every process on the machine. */
export interface CacheEntry {
  /** Name with version: another version is another folder. */
  readonly name: string;
  /** Files that must be there for the entry to be of use. */
  readonly files: readonly string[];
  /** Writes the content into an empty folder. */
  readonly fill: (target: string) => Promise<void>;
}

/** Lists every file of an entry with its size, so that a damaged entry is seen without reading it. */
const manifestName = 'gatefold-files.json';

/** The folder for what is worth keeping between runs: `GATEFOLD_CACHE`, else the system's place. */
export function cacheFolder(): string {
  return process.env.GATEFOLD_CACHE || envPaths('gatefold', { suffix: '' }).cache;
}

/**
 * The path of a complete cache entry; makes it where it is missing or damaged. It is filled under a
 * name of its own and renamed into place, so nobody ever sees half of it; a lock keeps several
 * processes from doing the work at once, and what an interrupted one left behind is removed.
 *
 * @throws {DeviceError} if the cache folder cannot be written.
 */
export async function fillCacheFolder(entry: CacheEntry): Promise<string> {
  const parent = cacheFolder();
  const folder = join(parent, entry.name);
  if (await isComplete(folder)) return folder;
  try {
    await mkdir(parent, { recursive: true });
    const release = await lock(folder, {
      realpath: false,
      stale: 15_000,
      retries: { retries: 400, factor: 1, minTimeout: 300, maxTimeout: 300 },
      // Two processes at work at once cost time and nothing else: the rename decides.
      onCompromised: () => undefined,
    });
    try {
      if (!(await isComplete(folder))) await replaceFolder(parent, entry);
    } finally {
      await release().catch(() => undefined);
    }
  } catch (cause) {
    if (await isComplete(folder)) return folder;
    throw new DeviceError(
      `cache: ${folder} could not be made (${String(cause)}). ` +
        'Free some space, or name a writable folder in the variable GATEFOLD_CACHE.',
      { cause },
    );
  }
  return folder;
}

async function replaceFolder(parent: string, entry: CacheEntry): Promise<void> {
  const prefix = `.${entry.name}.`;
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix)) await rm(join(parent, name), { recursive: true, force: true });
  }
  const target = await mkdtemp(join(parent, prefix));
  await entry.fill(target);
  const sizes = await measureFiles(target);
  for (const file of entry.files) {
    if (sizes[file] === undefined) throw new Error(`${file} is not in the archive`);
  }
  await writeFile(join(target, manifestName), JSON.stringify(sizes));
  const folder = join(parent, entry.name);
  await rm(folder, { recursive: true, force: true });
  try {
    await rename(target, folder);
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    if (!(await isComplete(folder))) throw error;
  }
}

async function isComplete(folder: string): Promise<boolean> {
  try {
    const text = await readFile(join(folder, manifestName), 'utf8');
    const sizes = Object.entries(JSON.parse(text) as Record<string, number>);
    const found = await Promise.all(sizes.map(([file]) => stat(join(folder, file))));
    return found.every(({ size }, index) => size === sizes[index]?.[1]);
  } catch {
    return false;
  }
}

async function measureFiles(folder: string): Promise<Record<string, number>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [relative(folder, path), (await stat(path)).size] as const;
  });
  return Object.fromEntries(await Promise.all(sizes));
}
