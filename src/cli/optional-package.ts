import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OptionError } from '../errors.ts';

/** Where packages that are no dependencies may be: beside Gatefold, or in the folder it is run from. */
function listPlaces(): NodeJS.Require[] {
  return [createRequire(import.meta.url), createRequire(join(process.cwd(), 'package.json'))];
}

/** Path of a file of a package that may be installed; undefined if it is not. */
export function findOptionalFile(specifier: string): string | undefined {
  for (const require of listPlaces()) {
    try {
      return require.resolve(specifier);
    } catch {
      // Not there: the next place may have it.
    }
  }
  return undefined;
}

/**
 * The exports of a package that is needed for one purpose only.
 *
 * @param purpose - How the message begins, e.g. `--device chromium`.
 * @param remedy - What else to do, after how to install it.
 * @throws {OptionError} if it is not installed.
 */
export async function importOptional(
  specifier: string,
  purpose: string,
  remedy = '',
): Promise<unknown> {
  const path = findOptionalFile(specifier);
  if (path !== undefined) return import(pathToFileURL(path).href);
  throw new OptionError(
    `${purpose} needs the package ${specifier}, which is not installed. ` +
      `Install it: npm install ${specifier}${remedy}`,
  );
}
