import { reportCases } from '../shared-device/report.ts';

reportCases().then(
  (report) => postMessage(report),
  (error: unknown) => postMessage({ failure: String(error) }),
);
