import { testFixtures } from './run-fixtures.ts';

testFixtures((name) => name.startsWith('train-'));
