import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { OptionError } from '../../errors.ts';

const ending = '.safetensors';

/** Name of a case: that of its file without folder and ending. */
export function nameCase(path: string): string {
  return basename(path, ending);
}

/**
 * Case files that paths stand for: files as they are, folders with all that is in them, by name.
 *
 * @throws {OptionError} if a folder holds no case, or no name matches the filter.
 */
export async function findCases(paths: readonly string[], filter?: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (!(await stat(path)).isDirectory()) {
      found.push(path);
      continue;
    }
    const names = (await readdir(path, { recursive: true })).filter((name) =>
      name.endsWith(ending),
    );
    if (names.length === 0) {
      throw new OptionError(`${path} holds no ${ending} file, expected parity cases.`);
    }
    found.push(...names.sort().map((name) => join(path, name)));
  }
  const matching = found.filter((path) => filter?.test(nameCase(path)) ?? true);
  if (matching.length > 0) return matching;
  throw new OptionError(`--filter ${filter?.source} matches none of ${found.length} cases.`);
}

/** @throws {OptionError} if two cases have one name: their results would overwrite each other. */
export function requireDistinctNames(paths: readonly string[]): void {
  const known = new Map<string, string>();
  for (const path of paths) {
    const other = known.get(nameCase(path));
    if (other !== undefined) {
      throw new OptionError(
        `--write: ${other} and ${path} have the same name and would be one results file. ` +
          'Run them one after the other into different folders.',
      );
    }
    known.set(nameCase(path), path);
  }
}
