import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  parseCount,
  parseEmbedding,
  parseFraction,
  parseNonNegative,
  parsePattern,
  parsePositive,
  parseWhole,
} from '../../../src/cli/arguments.ts';

const cases = [
  { name: 'count', parse: parseCount, good: ['1', '1e3'], bad: ['0', '-1', '1.5', '', ' ', 'x'] },
  { name: 'whole', parse: parseWhole, good: ['0', '4294967295'], bad: ['4294967296', '-1', '0.5'] },
  { name: 'positive', parse: parsePositive, good: ['0.1', '1e-9'], bad: ['0', 'Infinity', 'NaN'] },
  { name: 'non-negative', parse: parseNonNegative, good: ['0', '3'], bad: ['-0.1', '1,5'] },
  { name: 'fraction', parse: parseFraction, good: ['0', '0.99'], bad: ['1', '-0.1', '50%'] },
];

describe.each(cases)('$name', ({ parse, good, bad }) => {
  it.each(good)('takes %j', (text) => {
    expect(parse(text)).toBe(Number(text));
  });
  it.each(bad)('refuses %j and says what it expects', (text) => {
    expect(() => parse(text)).toThrow(InvalidArgumentError);
    expect(() => parse(text)).toThrow(/^Expected an? /);
  });
});

it('reads the width of an embedding, or the word for none', () => {
  expect(parseEmbedding('64')).toBe(64);
  expect(parseEmbedding('one-hot')).toBe('one-hot');
  expect(() => parseEmbedding('onehot')).toThrow("Expected a positive integer or 'one-hot'.");
});

it('reads a regular expression', () => {
  expect(parsePattern('^lstm').test('lstm-h8')).toBe(true);
  expect(() => parsePattern('(')).toThrow(/^Expected a regular expression: /);
});
