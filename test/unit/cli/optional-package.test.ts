import { expect, it } from 'vitest';
import { findOptionalFile, importOptional } from '../../../src/cli/optional-package.ts';
import { OptionError } from '../../../src/errors.ts';

it('finds and imports a package that is there', async () => {
  expect(findOptionalFile('deno/bin.cjs')).toMatch(/deno[\\/]bin\.cjs$/);
  expect(await importOptional('commander', 'a test')).toHaveProperty('Command');
});

it('says what needs a package that is not there, and how to install it', async () => {
  expect(findOptionalFile('gatefold-no-such-package')).toBeUndefined();
  const importing = importOptional('gatefold-no-such-package', '--device x', ', or name a file');
  await expect(importing).rejects.toThrow(OptionError);
  await expect(importing).rejects.toThrow(
    '--device x needs the package gatefold-no-such-package, which is not installed. ' +
      'Install it: npm install gatefold-no-such-package, or name a file',
  );
});
