import { describe, expect, it } from 'vitest';
import {
  formatCaseLine,
  formatCount,
  formatJson,
  judgeCase,
} from '../../../src/cli/parity/report.ts';
import type { CaseComparison } from '../../../src/interop/case-compare.ts';

const done = { status: 'done', tensors: new Map() } as const;

function makeComparison(ratio: number, got: number): CaseComparison {
  const worst = { tensor: 'grad.x', index: [0, 2], got, expected: 1, ratio };
  const reason = ratio <= 1 ? null : '3 of 8 elements out of tolerance';
  const tensor = { tensor: 'grad.x', reason, worst };
  return { pass: reason === null, tensors: [tensor], decisive: tensor };
}

describe('a line', () => {
  it.each([
    [judgeCase('a', done, makeComparison(0.5, 1)), 'PASS a'],
    [
      judgeCase('a', done, makeComparison(12.3456, 2)),
      'FAIL a: grad.x: 3 of 8 elements out of tolerance; worst grad.x[0, 2]: got 2, expected 1, ' +
        '12.35 × the tolerance',
    ],
    [
      judgeCase('a', { status: 'unsupported', reason: 'not built: clip 3' }, null),
      'UNSUPPORTED a: not built: clip 3',
    ],
    [judgeCase('a', { status: 'error', reason: 'one\ntwo' }, null), 'FAIL a: one two'],
    [judgeCase('a', done, null), 'DONE a: the file expects nothing'],
  ])('%#', (report, line) => {
    expect(formatCaseLine(report)).toBe(line);
  });
});

it('counts', () => {
  const reports = [
    judgeCase('a', done, makeComparison(0.5, 1)),
    judgeCase('b', done, makeComparison(5, 1)),
    judgeCase('c', { status: 'unsupported', reason: 'x' }, null),
  ];
  expect(formatCount(reports, 'somewhere')).toBe(
    '3 cases: 1 passed, 1 failed, 1 unsupported on somewhere',
  );
  expect(formatCount([judgeCase('d', done, null)], 'there')).toContain('1 done without comparison');
});

it('writes numbers that JSON does not have as strings', () => {
  const report = judgeCase('a', done, makeComparison(Number.POSITIVE_INFINITY, Number.NaN));
  expect(JSON.parse(formatJson([report]))).toEqual([
    {
      case: 'a',
      status: 'FAIL',
      reason: 'grad.x: 3 of 8 elements out of tolerance',
      worst: { tensor: 'grad.x', index: [0, 2], got: 'NaN', expected: 1, ratio: 'Infinity' },
    },
  ]);
});
