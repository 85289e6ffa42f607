import { isOfFullTier, testFixtures } from './run-fixtures.ts';

testFixtures((name) => !name.startsWith('train-') && !isOfFullTier(name));
