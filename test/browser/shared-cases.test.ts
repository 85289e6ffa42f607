import { testSharedCases } from './run-shared-cases.ts';

// A page, a worker and another browser run the same kernels: one of them runs all cases, the others a few.
const few = { full: false, group: 'topologies' };
testSharedCases([
  { browser: 'Chromium', where: 'page', cases: { full: false } },
  { browser: 'Chromium', where: 'worker', cases: few },
  { browser: 'Firefox', where: 'page', cases: few },
]);
