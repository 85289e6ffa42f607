import { testSharedCases } from './run-shared-cases.ts';

// Workers and pages share the engine and the browser's GPU process: a worker runs trainings, not all kernels
// again. Firefox looks for finished GPU work ten times a second: many small cases would take minutes.
const trainings = { full: true, group: 'topologies' };
testSharedCases([
  { browser: 'Chromium', where: 'page', cases: { full: true } },
  { browser: 'Chromium', where: 'worker', cases: trainings },
  { browser: 'Firefox', where: 'worker', cases: trainings },
]);
