import type { DeviceInfo } from '../device/adapter.ts';
import { FileFormatError, OptionError } from '../errors.ts';
import { readText, writeText } from './indexed-db.ts';
import { mergeTunings, parseTuning, type Tuning } from './tuning.ts';

/** Where texts are kept between runs. */
interface TextStore {
  /** Where the text of a name lies, for messages. */
  locate(name: string): string;
  read(name: string): Promise<string | undefined>;
  write(name: string, text: string): Promise<void>;
}

/**
 * What was measured earlier on this adapter, from the browser's IndexedDB or, in Node and Deno, the cache
 * folder (`GATEFOLD_CACHE`, else the system's place).
 *
 * @returns undefined if nothing was.
 * @throws {FileFormatError} if what is there cannot be read; the next `tune()` writes it anew.
 */
export async function readCache(adapter: DeviceInfo): Promise<Tuning | undefined> {
  const store = await openStore(adapter);
  const name = nameEntry(adapter);
  const text = await store.read(name);
  return text === undefined ? undefined : parseTuning(text, store.locate(name));
}

/** Keeps a tuning beside what is kept of its adapter already. Returns where. */
export async function writeCache(tuning: Tuning): Promise<string> {
  const { adapter } = tuning;
  const store = await openStore(adapter);
  const name = nameEntry(adapter);
  // Read again: another process may have measured other kernels meanwhile.
  const kept = await readCache(adapter).catch((error: unknown) => {
    if (error instanceof FileFormatError) return undefined;
    throw error;
  });
  const whole = kept ? mergeTunings(kept, tuning) : tuning;
  await store.write(name, `${JSON.stringify(whole, undefined, 1)}\n`);
  return store.locate(name);
}

/** One entry per adapter and runtime: the same chip behind another compiler is measured anew. */
function nameEntry({ runtime, vendor, architecture, description }: DeviceInfo): string {
  const parts = ['tuning', runtime, vendor, architecture, description].filter(Boolean);
  return `${parts
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 120)}.json`;
}

async function openStore({ runtime }: DeviceInfo): Promise<TextStore> {
  if (runtime === 'browser') return openBrowserStore();
  const node = await import('../device/node.ts');
  return { locate: node.cachePath, read: node.readCached, write: node.writeCached };
}

function openBrowserStore(): TextStore {
  if (!('indexedDB' in globalThis)) {
    throw new OptionError(
      'tuning cache: this browser has no IndexedDB here. Pass cache: false to tune() and keep ' +
        'JSON.stringify(tuning) elsewhere.',
    );
  }
  return { locate: (name) => `IndexedDB gatefold/${name}`, read: readText, write: writeText };
}
