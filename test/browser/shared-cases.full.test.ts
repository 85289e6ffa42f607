import { testSharedCases } from './run-shared-cases.ts';

// Node runs every further case on the same adapter through the same Dawn; here the options of recurrences do.
// Workers and pages share the engine and the browser's GPU process: a worker runs trainings, not all kernels
// again. Firefox looks for finished GPU work ten times a second: many small cases would take minutes.
const trainings = { full: true, group: 'topologies' };
testSharedCases([
  { browser: 'Chromium', where: 'page', cases: { full: true, group: 'core-recurrence-options' } },
  { browser: 'Chromium', where: 'worker', cases: trainings },
  { browser: 'Firefox', where: 'worker', cases: trainings },
]);
