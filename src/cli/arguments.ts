import { InvalidArgumentError } from 'commander';

/** Turns the text of an argument into a number, or refuses it. */
export type NumberParser = (text: string) => number;

function makeParser(expected: string, accepts: (value: number) => boolean): NumberParser {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(value) && accepts(value)) return value;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };
}

/** 1, 2, 3 … */
export const parseCount: NumberParser = makeParser(
  'a positive integer',
  (value) => Number.isSafeInteger(value) && value > 0 && value < 2 ** 31,
);

/** 0, 1, 2 … below 2³². */
export const parseWhole: NumberParser = makeParser(
  'an integer from 0 to 4294967295',
  (value) => Number.isSafeInteger(value) && value >= 0 && value < 2 ** 32,
);

/** A number above 0. */
export const parsePositive: NumberParser = makeParser('a number above 0', (value) => value > 0);

/** A number of at least 0. */
export const parseNonNegative: NumberParser = makeParser(
  'a number of at least 0',
  (value) => value >= 0,
);

/** A number from 0 to below 1. */
export const parseFraction: NumberParser = makeParser(
  'a number from 0 to below 1',
  (value) => value >= 0 && value < 1,
);

/** Any number. */
export const parseNumber: NumberParser = makeParser('a number', () => true);

/** Value of a cell's option: a flag, a number, a word, or several of these between commas. */
export function parseCellOption(text: string): unknown {
  if (text.includes(',')) return text.split(',').map((part) => parseCellOption(part.trim()));
  if (text === 'true' || text === 'false') return text === 'true';
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Width of an embedding, or the word for one-hot inputs. */
export function parseEmbedding(text: string): number | 'one-hot' {
  if (text === 'one-hot') return text;
  try {
    return parseCount(text);
  } catch {
    throw new InvalidArgumentError("Expected a positive integer or 'one-hot'.");
  }
}

/** A regular expression as JavaScript writes it between slashes. */
export function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(
      `Expected a regular expression: ${error instanceof Error ? error.message : error}.`,
    );
  }
}
