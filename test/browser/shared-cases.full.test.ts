import { testSharedCases } from './run-shared-cases.ts';

// Firefox looks for finished GPU work ten times a second: whole trainings are few waits, many small cases
// would take minutes.
testSharedCases([
  { browser: 'Chromium', where: 'page', cases: { full: true } },
  { browser: 'Chromium', where: 'worker', cases: {} },
  { browser: 'Firefox', where: 'worker', cases: { group: 'topologies' } },
]);
