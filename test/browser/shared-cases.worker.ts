import type { CaseSelection } from '../device-cases/all.ts';
import { reportCases } from '../device-cases/report.ts';

interface Request {
  readonly selection: CaseSelection;
  readonly part: string;
}

addEventListener('message', ({ data: { selection, part } }: MessageEvent<Request>) => {
  reportCases(selection, part).then(
    (report) => postMessage(report),
    (error: unknown) => postMessage({ failure: String(error) }),
  );
});
