import { selectCases } from '../device-cases/all.ts';
import { testSharedCases } from './run-shared-cases.ts';

testSharedCases(selectCases({ full: false }).filter(({ name }) => !name.startsWith('core-')));
