import type { CaseSelection } from '../device-cases/all.ts';
import { type CaseReport, reportCases } from '../device-cases/report.ts';

/** What the page offers to the test that drives it. */
export interface SharedCasesPage {
  readonly runInPage: (selection: CaseSelection, part: string) => Promise<CaseReport>;
  readonly runInWorker: (selection: CaseSelection, part: string) => Promise<CaseReport>;
}

function runInWorker(selection: CaseSelection, part: string): Promise<CaseReport> {
  const worker = new Worker(new URL('./shared-cases.worker.ts', import.meta.url), {
    type: 'module',
  });
  return new Promise<CaseReport>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<CaseReport | { failure: string }>) => {
      if ('failure' in data) reject(new Error(data.failure));
      else resolve(data);
    };
    worker.postMessage({ selection, part });
    worker.onerror = ({ message }) => reject(new Error(message || 'the worker did not start'));
  }).finally(() => worker.terminate());
}

Object.assign(globalThis, {
  runInPage: reportCases,
  runInWorker,
} satisfies SharedCasesPage);
