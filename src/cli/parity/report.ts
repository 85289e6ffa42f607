import type { CaseComparison, WorstElement } from '../../interop/case-compare.ts';
import type { CaseRun } from './results.ts';

/** How a case ended. `DONE`: computed, and nothing to compare with. */
export type CaseStatus = 'PASS' | 'FAIL' | 'UNSUPPORTED' | 'DONE';

/** Outcome of a case, the row of the report. */
export interface CaseReport {
  readonly case: string;
  readonly status: CaseStatus;
  readonly reason?: string;
  readonly worst?: WorstElement;
}

/**
 * Judges a case.
 *
 * @param comparison - Null where the file expects nothing, and where nothing was computed.
 */
export function judgeCase(
  name: string,
  run: CaseRun,
  comparison: CaseComparison | null,
): CaseReport {
  if (run.status === 'unsupported') {
    return { case: name, status: 'UNSUPPORTED', reason: run.reason };
  }
  if (run.status === 'error') return { case: name, status: 'FAIL', reason: run.reason };
  if (comparison === null) {
    return { case: name, status: 'DONE', reason: 'the file expects nothing' };
  }
  const { pass, decisive } = comparison;
  return {
    case: name,
    status: pass ? 'PASS' : 'FAIL',
    ...(decisive?.reason && { reason: `${decisive.tensor}: ${decisive.reason}` }),
    ...(decisive?.worst && { worst: decisive.worst }),
  };
}

/** One line for a case. */
export function formatCaseLine({ case: name, status, reason, worst }: CaseReport): string {
  if (status === 'PASS') return `PASS ${name}`;
  const explained = reason === undefined ? '' : `: ${reason.replace(/\s*\n\s*/g, ' ')}`;
  const element =
    worst === undefined
      ? ''
      : `; worst ${worst.tensor}[${worst.index.join(', ')}]: got ${worst.got}, ` +
        `expected ${worst.expected}, ${formatRatio(worst.ratio)} × the tolerance`;
  return `${status} ${name}${explained}${element}`;
}

function formatRatio(ratio: number): string {
  return Number.isFinite(ratio) ? String(Number(ratio.toPrecision(4))) : String(ratio);
}

/** The closing line. */
export function formatCount(reports: readonly CaseReport[], where: string): string {
  const count = (status: CaseStatus) => reports.filter((report) => report.status === status).length;
  const done = count('DONE');
  return (
    `${reports.length} cases: ${count('PASS')} passed, ${count('FAIL')} failed, ` +
    `${count('UNSUPPORTED')} unsupported${done > 0 ? `, ${done} done without comparison` : ''} ` +
    `on ${where}`
  );
}

/** The report as JSON. Numbers that JSON does not have become strings: "NaN", "Infinity", "-Infinity". */
export function formatJson(reports: readonly CaseReport[]): string {
  const replace = (_key: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  return `${JSON.stringify(reports, replace, 2)}\n`;
}
