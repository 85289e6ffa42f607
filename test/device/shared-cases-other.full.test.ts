import { selectCases } from '../device-cases/all.ts';
import { testSharedCases } from './run-shared-cases.ts';

testSharedCases(selectCases({ full: true }).filter(({ name }) => !name.startsWith('core-')));
