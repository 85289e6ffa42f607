import { testSharedCases } from './run-shared-cases.ts';

// Firefox looks for finished GPU work ten times a second: whole trainings are few waits, many small cases
// would take minutes.
const trainings = { group: 'topologies' };
testSharedCases([
  { browser: 'Chromium', where: 'page', cases: { full: true } },
  { browser: 'Chromium', where: 'worker', cases: {} },
  { browser: 'Firefox', where: 'page', cases: { ...trainings, full: true } },
  { browser: 'Firefox', where: 'worker', cases: trainings },
]);
