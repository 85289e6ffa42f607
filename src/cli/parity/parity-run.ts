import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { FileFormatError, OptionError } from '../../errors.ts';
import { compareCase } from '../../interop/case-compare.ts';
import { parseParityCase } from '../../interop/case-file.ts';
import type { ParityCase } from '../../interop/case-types.ts';
import { writeSafetensors } from '../../interop/safetensors.ts';
import { findCases, nameCase, requireDistinctNames } from './case-paths.ts';
import { type CaseReport, formatCaseLine, formatCount, formatJson, judgeCase } from './report.ts';
import { type CaseRunner, openRunner, type ParityDevice } from './runners.ts';

/** What to do with the cases. */
export interface ParityOptions {
  readonly device: ParityDevice;
  readonly filter?: RegExp;
  /** Folder for results files. */
  readonly write?: string;
  /** File for the report. */
  readonly json?: string;
  /** Whether an unsupported case is a failure. */
  readonly strict?: boolean;
}

/**
 * Runs every case and says how each ended.
 *
 * @param paths - Case files and folders with case files.
 * @param print - Called with each line as it becomes known.
 * @returns whether all is well: no case failed and, with `strict`, none is unsupported.
 * @throws {OptionError} or {DeviceError} for wrong usage and where cases cannot be run.
 */
export async function runParity(
  paths: readonly string[],
  options: ParityOptions,
  print: (line: string) => void,
): Promise<boolean> {
  const files = await findCases(paths, options.filter);
  if (options.write !== undefined) await prepareResults(options.write, files);
  const runner = await openRunner(options.device);
  const reports: CaseReport[] = [];
  try {
    for (const path of files) {
      const report = await runFile(runner, path, options.write);
      reports.push(report);
      print(formatCaseLine(report));
    }
  } finally {
    await runner.close();
  }
  print(formatCount(reports, runner.description));
  if (options.json !== undefined) await writeFileAtomic(options.json, formatJson(reports));
  const bad = reports.filter(
    ({ status }) => status === 'FAIL' || (options.strict && status === 'UNSUPPORTED'),
  );
  return bad.length === 0;
}

async function prepareResults(folder: string, files: readonly string[]): Promise<void> {
  requireDistinctNames(files);
  const overwritten = files.find((path) => resolve(path) === resolveResults(folder, path));
  if (overwritten !== undefined) {
    throw new OptionError(
      `--write ${folder}: the results would overwrite the case ${overwritten}. Name another folder.`,
    );
  }
  await mkdir(folder, { recursive: true });
}

function resolveResults(folder: string, path: string): string {
  return resolve(join(folder, `${nameCase(path)}.safetensors`));
}

async function runFile(
  runner: CaseRunner,
  path: string,
  folder: string | undefined,
): Promise<CaseReport> {
  const bytes = new Uint8Array(await readFile(path));
  let parsed: ParityCase;
  try {
    parsed = parseParityCase(bytes, path);
  } catch (error) {
    if (!(error instanceof FileFormatError)) throw error;
    return { case: nameCase(path), status: 'FAIL', reason: error.message };
  }
  const run = await runner.run(parsed, bytes);
  if (run.status === 'done' && folder !== undefined) {
    await writeFileAtomic(resolveResults(folder, path), Buffer.from(writeSafetensors(run.tensors)));
  }
  const comparison = run.status === 'done' ? compareCase(parsed, run.tensors) : null;
  return judgeCase(parsed.name, run, comparison);
}
