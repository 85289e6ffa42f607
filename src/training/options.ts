import { OptionError } from '../errors.ts';

/** A range that an option's number must lie in, with the words that describe it. */
export interface NumberRule {
  readonly accepts: (value: number) => boolean;
  readonly expected: string;
}

export const atLeastZero: NumberRule = {
  accepts: (value) => value >= 0,
  expected: 'a number >= 0',
};
export const positive: NumberRule = { accepts: (value) => value > 0, expected: 'a number > 0' };
export const fraction: NumberRule = {
  accepts: (value) => value >= 0 && value < 1,
  expected: 'a number from 0 to below 1',
};
export const positiveInteger: NumberRule = {
  accepts: (value) => Number.isSafeInteger(value) && value > 0 && value < 2 ** 31,
  expected: 'a positive integer below 2^31',
};
export const wholeNumber: NumberRule = {
  accepts: (value) => Number.isSafeInteger(value) && value >= 0 && value < 2 ** 32,
  expected: 'an integer from 0 to 2^32 - 1',
};

/** A value as it stands in messages. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/** @throws {OptionError} if `value` is no finite number that `rule` accepts. */
export function checkNumber(where: string, name: string, value: unknown, rule: NumberRule): number {
  if (typeof value === 'number' && Number.isFinite(value) && rule.accepts(value)) return value;
  throw new OptionError(
    `${where}: ${name} is ${show(value)}, expected ${rule.expected}. Change ${name} or leave it out.`,
  );
}

/** @throws {OptionError} if `value` is neither true nor false. */
export function checkFlag(where: string, name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new OptionError(
    `${where}: ${name} is ${show(value)}, expected true or false. Change ${name} or leave it out.`,
  );
}

/**
 * The given options over their defaults; options given as `undefined` count as left out.
 *
 * @throws {OptionError} for an option that is not among the defaults.
 */
export function withDefaults<T extends object>(where: string, given: Partial<T>, defaults: T): T {
  if (typeof given !== 'object' || given === null) {
    throw new OptionError(`${where}: options are ${show(given)}, expected an object.`);
  }
  const known = Object.keys(defaults);
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [name] of entries) {
    if (known.includes(name)) continue;
    throw new OptionError(
      `${where}: option '${name}' is unknown, expected ${known.join(', ')}. Correct or remove it.`,
    );
  }
  return { ...defaults, ...Object.fromEntries(entries) };
}
