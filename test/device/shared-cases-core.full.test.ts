import { selectCases } from '../device-cases/all.ts';
import { testSharedCases } from './run-shared-cases.ts';

// Two files, so that two workers share them.
testSharedCases(selectCases({ full: true, group: 'core-' }));
