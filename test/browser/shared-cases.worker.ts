import { reportCases } from '../device-cases/report.ts';

reportCases().then(
  (report) => postMessage(report),
  (error: unknown) => postMessage({ failure: String(error) }),
);
