import { reportCases } from '../device-cases/report.ts';

addEventListener('message', ({ data: group }: MessageEvent<string>) => {
  reportCases(group).then(
    (report) => postMessage(report),
    (error: unknown) => postMessage({ failure: String(error) }),
  );
});
