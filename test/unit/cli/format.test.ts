import { expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatQuotation,
  formatTable,
} from '../../../src/cli/format.ts';

it('formats counts, durations and bytes', () => {
  expect(formatCount(1234567.8)).toBe('1,234,568');
  expect(formatDuration(1340)).toBe('1.3 s');
  expect(formatDuration(119_700)).toBe('2 min 00 s');
  expect(formatDuration(65_000)).toBe('1 min 05 s');
  expect([256, 32 * 1024, 1536, 2 ** 30].map(formatBytes)).toEqual([
    '256 B',
    '32 KiB',
    '1.5 KiB',
    '1 GiB',
  ]);
});

it('sets off every line of a quotation', () => {
  expect(formatQuotation('sample', 'a\n\nb')).toBe('sample\n  │ a\n  │\n  │ b');
});

it('aligns the columns of a table', () => {
  expect(
    formatTable([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
  ).toBe('a    bb\nccc  d');
});
