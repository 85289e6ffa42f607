import { OptionError } from '../errors.ts';
import type { CellOptions } from './cell.ts';

/**
 * Reads one option of a cell that must be one of a few words.
 *
 * @throws {OptionError} naming the cell, the option, what was got and what is possible.
 */
export function readChoice<const T extends string>(
  cell: string,
  options: CellOptions,
  name: string,
  choices: readonly [T, ...T[]],
): T {
  const value = options[name] ?? choices[0];
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) {
    throw new OptionError(
      `${cell}: option ${name} is ${JSON.stringify(value)}, expected one of ` +
        `${choices.map((candidate) => `'${candidate}'`).join(', ')}.`,
    );
  }
  return choice;
}

/** Reads one option of a cell that is on or off, off unless given. @throws {OptionError} if it is neither. */
export function readFlag(cell: string, options: CellOptions, name: string): boolean {
  const value = options[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw new OptionError(
    `${cell}: option ${name} is ${JSON.stringify(value)}, expected true or false.`,
  );
}

/** @throws {OptionError} if `options` holds a name that the cell does not know. */
export function refuseUnknownOptions(
  cell: string,
  options: CellOptions,
  known: readonly string[],
): void {
  for (const name of Object.keys(options)) {
    if (options[name] === undefined || known.includes(name)) continue;
    const expected = known.length > 0 ? `it knows ${known.join(', ')}` : 'it has no options';
    throw new OptionError(`${cell}: unknown cell option '${name}'; ${expected}. Remove it.`);
  }
}
