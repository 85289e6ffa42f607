import { CommanderError } from 'commander';
import { GatefoldError, NonFiniteError, OutOfMemoryError, ParityError } from '../errors.ts';

/** Exit codes of every command; the numbers of signals are added to 128. */
export const exitCodes = {
  success: 0,
  /** The work was done and its result is bad: a case failed, or training diverged. */
  failure: 1,
  /** The command could not begin or go on: usage, files, adapter. */
  usage: 2,
  SIGINT: 130,
  SIGTERM: 143,
} as const;

const systemReasons: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder, expected a file',
  ENOTDIR: 'a part of the path is no folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
};

/** An error of the operating system about a path, in words. */
function describeSystemError(error: Error): string | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === undefined || path === undefined) return undefined;
  return `${path}: ${systemReasons[code] ?? error.message}`;
}

/** A failure as it is shown: one line for what can be expected, and the exit code. */
export interface FailureReport {
  readonly text: string;
  readonly exitCode: number;
}

/**
 * Decides what to say about an error that ended a command.
 *
 * @param debug - Whether to show the stack as well (`GATEFOLD_DEBUG=1`).
 */
export function describeFailure(error: unknown, debug: boolean): FailureReport {
  const known = error instanceof Error ? error : new Error(String(error));
  const systemError = describeSystemError(known);
  const isExpected = error instanceof GatefoldError || systemError !== undefined;
  const isResult = [NonFiniteError, ParityError, OutOfMemoryError].some((c) => error instanceof c);
  const exitCode = isExpected && !isResult ? exitCodes.usage : exitCodes.failure;
  const message = (systemError ?? known.message).replace(/\s*\n\s*/g, ' ');
  const hint = isExpected || debug ? '' : ' (unexpected; GATEFOLD_DEBUG=1 shows where)';
  return { text: `gatefold: ${message}${hint}${debug ? `\n${known.stack}` : ''}`, exitCode };
}

/** Exit code of an error that commander has already told the user about; undefined for others. */
export function exitCodeOfParser(error: unknown): number | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  return error.exitCode === 0 ? exitCodes.success : exitCodes.usage;
}

/** Commander's message as one line of ours: `gatefold: unknown option '--hiden' (Did you mean --hidden?)`. */
export function formatParserMessage(message: string): string {
  const line = message
    .replace(/^error: /, '')
    .trimEnd()
    .replace(/\s*\n\s*/g, ' ');
  return `gatefold: ${line}\n`;
}
