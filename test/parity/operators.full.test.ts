import { isOfFullTier, testFixtures } from './run-fixtures.ts';

testFixtures(isOfFullTier);
