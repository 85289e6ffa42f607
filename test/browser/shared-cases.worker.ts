import type { CaseSelection } from '../device-cases/all.ts';
import { reportCases } from '../device-cases/report.ts';

addEventListener('message', ({ data: selection }: MessageEvent<CaseSelection>) => {
  reportCases(selection).then(
    (report) => postMessage(report),
    (error: unknown) => postMessage({ failure: String(error) }),
  );
});
